"""The contract kit: whether a component keeps its contract, found out before it is trained.

    from probvae import testing

    print(testing.check("prior", "mixture"))

or in pytest, over all checks of a component:

    @testing.contract("prior", "tails.student_t")
    def test_student_t_keeps_its_contract(check):
        check()

Importing this package imports no TensorFlow; each name below is loaded when it is first used.
"""

from probvae._lazy import lazy

_WHERE = {
    "check": "probvae.testing.runner",
    "contract": "probvae.testing.parametrize",
    "iter_checks": "probvae.testing.checks",
    "replay": "probvae.testing.runner",
    "Case": "probvae.testing.case",
    "Check": "probvae.testing.checking",
    "Report": "probvae.testing.report",
    "Result": "probvae.testing.report",
    "Subject": "probvae.testing.subject",
    "Refused": "probvae.testing.subject",
    "Violation": "probvae.testing.checking",
    "CHECKED_KINDS": "probvae.testing.subject",
}

__all__ = list(_WHERE)
__getattr__, __dir__ = lazy(__name__, _WHERE)

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

TARGETS = [
    "probvae.testing.runner:check",
    "probvae.testing.parametrize:contract",
    "probvae.testing.checks:iter_checks",
    "probvae.testing.runner:replay",
    "probvae.testing.case:Case",
    "probvae.testing.checking:Check",
    "probvae.testing.report:Report",
    "probvae.testing.report:Result",
    "probvae.testing.subject:Subject",
    "probvae.testing.subject:Refused",
    "probvae.testing.checking:Violation",
    "probvae.testing.subject:CHECKED_KINDS",
]

__all__, __getattr__, __dir__ = lazy(__name__, TARGETS)

"""The contract kit: checks that a component keeps its contract, before it is trained.

    from probvae import testing

    print(testing.check("prior", "mixture"))

or in pytest, over all checks of a component:

    @testing.contract("prior", "tails.student_t")
    def test_student_t_keeps_its_contract(check):
        check()

Reading order:

    case, subject    a configuration with shapes and a seed (Case); a class, built for a case (Subject)
    views            uniform access to the components of a subject (View)
    checking         what a check is (Check), and how it fails (Violation) or does not apply
    checks/          the checks, one file for each theme
    search           the search for a case that fails, over what `strategies` draws
    runner, report   running checks, and what was found (Result, Report); `parametrize` does it in pytest

    spaces, quadrature, agreement, dependence    numerics of the checks: proposals, integrals, statistical bounds
    linear_gaussian                              a model with a known evidence, for objectives
    restoring, fresh_process                     a second instance, in this process and in another

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

"""The kit in pytest: one import, one decorator."""

from __future__ import annotations

from functools import partial
from typing import Any

from probvae.core import Factory
from probvae.testing.checking import Check, Profile
from probvae.testing.runner import checks_for, run
from probvae.testing.subject import Subject


def contract(kind: str, of: str | Factory, *, profile: Profile = "fast", seed: int = 0) -> Any:
    """A pytest decorator: the test runs once for each check that applies to the component.

        from probvae.testing import contract

        @contract("prior", "tails.student_t")
        def test_student_t_keeps_its_contract(check):
            check()

    Args:
        kind: prior, encoder, decoder, classifier, network, posterior, likelihood, objective, or bijector.
        of: the component's registered name, or its class.
        profile: "fast" or "deep".
        seed: determines all random cases.

    Raises:
        UnknownNameError: there is no such kind or component.
    """
    import pytest

    subject = Subject(kind, of)
    checks = checks_for(subject)
    return pytest.mark.parametrize(
        "check", [partial(_run, found, subject, profile, seed) for found in checks], ids=[c.name for c in checks]
    )


def _run(check: Check, subject: Subject, profile: Profile, seed: int) -> None:
    """Run a check as a test, which fails with the report's message."""
    import pytest

    __tracebackhide__ = True
    result = run(check, subject, profile, seed)
    if not result.ok:
        pytest.fail(str(result), pytrace=False)
    if result.status == "expected":
        pytest.xfail(result.message)
    if result.status == "not_run":
        pytest.skip(result.message)

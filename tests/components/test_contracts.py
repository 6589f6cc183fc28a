"""Every built-in component keeps its contract: the kit that anyone's components are checked with, and no other."""

import pytest

from probvae.registry import default
from probvae.testing import CHECKED_KINDS, Subject
from probvae.testing.runner import checks_for, run

COMPONENTS = [(kind, name) for kind, name in default() if kind in CHECKED_KINDS and "." not in name]
COMPONENTS += [("bijector", name) for name in ("realnvp", "maf", "spline")]
APPLICABLE = [
    pytest.param(check, subject, id=f"{subject.kind}-{subject.name}-{check.name}")
    for subject in (Subject(kind, name) for kind, name in COMPONENTS)
    for check in checks_for(subject)
]


# The bijectors of the flow priors are checked by themselves in the deep run only, as the priors are here.
@pytest.mark.parametrize(
    ("check", "subject"), [param for param in APPLICABLE if not param.id.startswith("bijector")]
)
def test_a_built_in_component_keeps_its_contract(check, subject):
    result = run(check, subject)
    assert result.ok, str(result)


@pytest.mark.slow
@pytest.mark.parametrize(("check", "subject"), APPLICABLE)
def test_a_built_in_component_keeps_its_contract_in_depth(check, subject):
    result = run(check, subject, "deep", seed=1)
    assert result.ok, str(result)


def test_every_kind_is_there():
    assert {kind for kind, _ in COMPONENTS} == set(CHECKED_KINDS)

"""Every built-in component keeps its contract: the kit that anyone's components are checked with, and no other."""

import pytest

from probvae.registry import default
from probvae.testing import CHECKED_KINDS, Subject
from probvae.testing.runner import checks_for, run

from ..brief import in_turn

COMPONENTS = [(kind, name) for kind, name in default() if kind in CHECKED_KINDS and "." not in name]
COMPONENTS += [("bijector", name) for name in ("realnvp", "maf", "autoregressive", "spline")]
APPLICABLE = [
    (check, subject)
    for subject in (Subject(kind, name) for kind, name in COMPONENTS)
    for check in checks_for(subject)
]
WHOLE = ("bernoulli", "normal", "negative_binomial", "discretised_logistic_mixture")
"""The likelihoods that the quick run checks in full: rows and axes of all others are those of their base class."""
OF_VALUES = (
    "builds",
    "shapes",
    "finite",
    "parameters_change_something",
    "gradients_are_slopes_of_the_density",
    "stays_in_its_support",
    "density_integrates_to_one",
    "probabilities_sum_to_one",
    "mean_is_that_of_the_samples",
    "samples_are_from_the_density",
)
"""The checks of the others in the quick run."""
REDUCTIONS = ("stl", "dreg", "miwae", "ciwae", "piwae")
"""The objectives that reduce log weights, whose formulas are compared draw by draw in tests/objectives."""
OF_MEANS = ("builds", "graph_equals_eager", "means_are_as_declared", "gradients_are_those_of_their_targets")
"""Their checks in the quick run."""

OF_POSTERIORS = (
    "builds",
    "log_prob_broadcasts",
    "graph_equals_eager",
    "rows_do_not_mix",
    "samples_carry_gradients",
    "samples_move_with_the_density",
    "density_integrates_to_one",
    "samples_are_from_the_density",
)
"""The checks of the other posteriors than the normals in the quick run."""

COMPOSED = ("hierarchical", "parallel")
"""What is made of other components, which are checked by themselves."""
OF_PARTS = (
    "blocks_depend_on_those_above",
    "builds",
    "shapes",
    "finite",
    "owns_its_variables",
    "learns",
    "parameters_change_something",
    "rows_do_not_mix",
    "rows_have_noise_of_their_own",
    "conditions_are_used",
    "samples_carry_gradients",
    "gradients_are_slopes_of_the_density",
    "draws_are_functions_of_the_seed",
    "samples_are_from_the_density",
)
"""The checks of these in the quick run."""


FLOWS = ("realnvp", "autoregressive", "spline")
"""The flow priors beside `maf`, which the quick run checks in full: shapes, draws and seeds are those of the class
that all of them derive from. What transforms the samples is compared with TFP in test_bijectors.py."""
OF_MAPS = (
    "builds",
    "finite",
    "owns_its_variables",
    "learns",
    "parameters_change_something",
    "gradients_are_slopes_of_the_density",
    "finite_at_every_joint",
    "density_integrates_to_one",
    "samples_are_from_the_density",
    "restores",
    "restores_in_a_fresh_process",
)
"""The checks of these in the quick run."""

OF_HEADS = (
    "draws_of_other_seeds_are_independent",
    "stays_in_its_support",
    "density_integrates_to_one",
    "probabilities_sum_to_one",
    "mean_is_that_of_the_samples",
    "samples_move_with_the_density",
    "samples_are_from_the_density",
    "exact_kl_is_that_of_the_samples",
)
"""Checks of a distribution, which encoders and decoders return as their heads make it: those are checked here."""


def in_the_quick_run(check, subject):
    """The bijectors of the flow priors are checked by themselves in the deep run only, as the priors are here."""
    if check.name in OF_HEADS and subject.kind in ("encoder", "decoder"):
        return False
    if subject.kind == "prior" and subject.name in FLOWS:
        return check.name in OF_MAPS
    if subject.kind == "likelihood" and subject.name not in WHOLE:
        return check.name in OF_VALUES
    if subject.kind == "objective" and subject.name in REDUCTIONS:
        return check.name in OF_MEANS
    if subject.name in COMPOSED:
        return check.name in OF_PARTS
    if subject.kind == "posterior" and not subject.name.endswith("normal"):
        return check.name in OF_POSTERIORS
    return subject.kind != "bijector"


def parameters(pairs):
    return [
        pytest.param(check, subject, id=f"{subject.kind}-{subject.name}-{check.name}") for check, subject in pairs
    ]


@pytest.mark.parametrize(("check", "subject"), parameters(pair for pair in APPLICABLE if in_the_quick_run(*pair)))
def test_a_built_in_component_keeps_its_contract(check, subject):
    result = run(in_turn(check, subject), subject)
    assert result.ok, str(result)


@pytest.mark.slow
@pytest.mark.parametrize(("check", "subject"), parameters(APPLICABLE))
def test_a_built_in_component_keeps_its_contract_in_depth(check, subject):
    result = run(check, subject, "deep", seed=1)
    assert result.ok, str(result)


def test_every_kind_is_there():
    assert {kind for kind, _ in COMPONENTS} == set(CHECKED_KINDS)

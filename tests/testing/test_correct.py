"""What is right raises no alarm: briefly, what was one once and what is near one; all of it in the benchmark."""

import numpy as np
import pytest
import tensorflow_probability as tfp

from probvae import testing
from probvae.testing.linear_gaussian import small_model
from probvae.testing.runner import checks_for, run

from ..brief import briefly
from .correct import CORRECT


def briefly_checked(name, only, seed=0):
    component = CORRECT[name]
    subject = testing.Subject(component.kind, component.factory)
    return [run(briefly(check, subject), subject, seed=seed) for check in checks_for(subject, only)]


def assert_green(name, check, seed=0):
    (result,) = briefly_checked(name, [check], seed)
    assert result.status == "passed", str(result)


def test_a_kink_at_a_sample_is_no_wrong_gradient():
    assert_green("prior_laplace", "gradients_are_slopes_of_the_density", seed=16)


@pytest.mark.parametrize("name", [name for name, found in CORRECT.items() if found.kind == "posterior"])
def test_samples_that_are_reparameterized_in_any_way_move_with_their_density(name):
    assert_green(name, "samples_move_with_the_density", seed=1)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("likelihood_poisson_with_log_rates", "finite"),
        ("likelihood_log_normal", "finite"),
        ("likelihood_log_normal", "stays_in_its_support"),
        ("likelihood_gamma", "stays_in_its_support"),
        ("likelihood_beta", "stays_in_its_support"),
        ("likelihood_one_hot", "stays_in_its_support"),
        ("likelihood_one_hot", "probabilities_sum_to_one"),
        ("likelihood_one_hot", "samples_are_from_the_density"),
        ("encoder_built_on_first_use", "owns_its_variables"),
        ("encoder_built_on_first_use", "restores"),
        ("decoder_built_on_first_use", "owns_its_variables"),
        ("decoder_built_on_first_use", "restores"),
        ("encoder_standardised", "restores"),
        ("encoder_binarised", "every_part_of_an_example_is_read"),
        ("encoder_binarised", "answers_depend_on_inputs"),
        ("encoder_binarised", "samples_carry_gradients"),
        ("encoder_every_second_pixel", "every_part_of_an_example_is_read"),
        ("decoder_enlarged", "elements_are_no_copies"),
        ("network_built_on_first_use", "owns_its_variables"),
        ("network_built_on_first_use", "copies_are_independent"),
        ("network_normalised_by_row", "rows_do_not_mix"),
        ("network_every_second_pixel", "every_part_of_an_example_is_read"),
        ("network_dropout_switched_off", "copies_are_independent"),
        ("posterior_cauchy", "finite"),
        ("posterior_student_t_of_any_degree", "finite"),
        ("objective_sticking_the_landing", "builds"),
        ("objective_sticking_the_landing", "unobserved_elements_are_left_out"),
        ("bijector_unit_cube_flow", "round_trips"),
        ("bijector_unit_cube_flow", "holds_at_special_points"),
        ("bijector_unit_cube_flow", "stays_invertible"),
        ("bijector_positive_flow", "learns"),
        ("bijector_positive_flow", "holds_at_special_points"),
        ("bijector_piecewise_linear_flow", "holds_at_special_points"),
    ],
)
def test_what_is_near_a_mistake_is_none(name, check):
    assert_green(name, check)


def test_a_likelihood_may_have_no_mean():
    component = CORRECT["likelihood_without_mean"]
    shapes, mean = testing.check(
        component.kind, component.factory, only=["shapes", "mean_is_that_of_the_samples"]
    ).results
    assert (shapes.status, mean.status, mean.ok) == ("passed", "not_run", True)
    assert mean.message == "it has no mean(): reconstructions and figures show draws."


def test_an_encoder_may_round_its_data():
    (result,) = briefly_checked("encoder_binarised", ["samples_move_with_the_density"])
    assert (result.status, result.ok) == ("not_run", True)


def test_a_share_that_is_rounded_to_one_is_no_wrong_sample():
    """Its logarithm is 0 in samples, and a number too small for single precision to hold beside 1 in proposals."""
    network = {"use": "dense", "hidden": (), "activation": "gelu", "output_scale": 0.05}
    configuration = {"network": network, "posterior": {"use": "concrete", "temperature": 0.05}}
    case = {"latent_dim": 4, "event_shape": (1,), "batch": (1,), "perturbation": 1.0, "seed": 0}
    testing.replay("samples_are_from_the_density", "encoder", "network", configuration=configuration, **case)


@pytest.mark.parametrize("D", [1, 2, 3, 4])
def test_the_exact_posterior_of_the_model_for_diagonal_ones_is_diagonal(D):
    """Where q(z|x) is exact, every importance weight is the evidence."""
    model = small_model(testing.Case(latent_dim=D, seed=D), "diagonal")
    model.be_exact()
    x = model.examples(5)
    assert isinstance(model.vae.posterior(x), tfp.distributions.MultivariateNormalDiag)
    log_weights = model.vae.log_weights(x, 8, seed=0)  # [8, 5]
    np.testing.assert_allclose(log_weights, np.tile(model.log_evidence(model.batch(x)), (8, 1)), atol=1e-4)


@pytest.mark.parametrize("name", ["objective_divergence_of_marginals", "objective_sticking_the_landing"])
def test_objectives_for_some_posteriors_or_with_a_gradient_of_their_own_are_right(name):
    for result in briefly_checked(name, ["bounds_the_evidence", "gradients_descend_the_loss"]):
        assert result.status == "passed", str(result)


@pytest.mark.parametrize("name", [name for name in CORRECT if name.endswith(("condition", "by_class"))])
def test_components_with_a_condition_are_right(name):
    conditions = ["conditions_are_taken_as_declared", "conditions_are_used", "conditions_are_of_their_rows"]
    only = ["builds", "shapes", *conditions]
    results = briefly_checked(name, only)
    assert [result.status for result in results] == ["passed"] * len(only), "\n".join(map(str, results))


def test_cycles_of_a_warm_up_have_an_effect_within_it():
    """However long it is: of twelve random tables few have one, and no fixed step is in its second cycle."""
    configuration = {"beta": 0.0, "warmup_epochs": 0.0, "warmup_cycles": 1}
    case = {"latent_dim": 1, "batch": (1,), "samples": (), "seed": 118}
    testing.replay("parameters_have_an_effect", "objective", "elbo", configuration=configuration, **case)


def test_counts_that_are_rarely_not_zero_may_be_large():
    """In so few of the samples that there may be none: where their probabilities end is then unknown."""
    case = {"configuration": {"dispersion": "learned"}, "event_shape": (1,), "batch": (1,), "perturbation": 0.1}
    name = "zero_inflated_negative_binomial"
    testing.replay("probabilities_sum_to_one", "likelihood", name, **case, seed=65535)

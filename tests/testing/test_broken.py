"""Every mistake of the collection is caught; in the long run by the whole kit, here by a check that knows it."""

import pytest

from probvae import testing
from probvae.testing import Case, Violation
from probvae.testing.checks import iter_checks
from probvae.testing.runner import SHRINKING, run

from .broken import BROKEN

KNOWN = {
    "prior_log_det_per_dimension": "density_integrates_to_one",
    "prior_mixture_of_marginals": "samples_are_from_the_density",
    "prior_weights_ignored": "samples_are_from_the_density",
    "prior_five_percent_too_much": "density_integrates_to_one",
    "prior_samples_too_wide": "samples_are_from_the_density",
    "prior_scale_cached": "restores",
    "prior_options_swallowed": "builds",
    "prior_no_gradient_far_away": "finite",
    "prior_scale_stopped": "gradients_are_slopes_of_the_density",
    "prior_point_stopped": "gradients_are_slopes_of_the_density",
    "posterior_point_stopped": "gradients_are_slopes_of_the_density",
    "posterior_draws_reshaped": "rows_do_not_mix",
    "posterior_draws_of_the_next_row": "rows_do_not_mix",
    "posterior_mean_of_the_next_row": "leading_axes_are_rows",
    "prior_inherited_divergence": "exact_kl_is_that_of_the_samples",
    "prior_started_by_the_first_batch": "owns_its_variables",
    "encoder_location_cut_from_the_path": "samples_move_with_the_density",
    "encoder_mixture_without_paths_to_its_weights": "samples_move_with_the_density",
    "posterior_rejection_differentiated": "samples_move_with_the_density",
    "encoder_noise_shared_by_rows": "rows_have_noise_of_their_own",
    "decoder_one_of_two_paths_stopped": "gradients_are_slopes_of_the_density",
    "posterior_noise_shared_by_rows": "rows_have_noise_of_their_own",
    "posterior_own_divergence": "exact_kl_is_that_of_the_samples",
    "posterior_own_softplus": "finite",
    "posterior_mean_of_the_outputs": "mean_is_that_of_the_samples",
    "likelihood_noise_shared_by_rows": "rows_have_noise_of_their_own",
    "likelihood_unlikely_levels": "finite",
    "likelihood_last_level_without_tail": "probabilities_sum_to_one",
    "objective_standard_prior": "bounds_the_evidence",
    "objective_prior_stopped": "gradients_descend_the_loss",
    "objective_divided_by_the_step": "losses_are_per_example",
    "objective_vectors_only": "losses_are_per_example",
    "objective_noise_shared_by_rows": "bounds_the_evidence",
    "bijector_inverse_clipped": "round_trips",
    "bijector_few_newton_steps": "round_trips",
    "bijector_sum_over_axis_one": "log_det_is_that_of_the_jacobian",
    "bijector_started_by_the_first_batch": "owns_its_variables",
    "encoder_always_dropout": "draws_are_functions_of_the_seed",
    "decoder_first_latent_only": "answers_depend_on_inputs",
    "posterior_log_variance_as_log_scale": "samples_are_from_the_density",
    "posterior_last_scale_unused": "samples_carry_gradients",
    "posterior_variable_never_used": "learns",
    "likelihood_mean_over_the_event": "probabilities_sum_to_one",
    "likelihood_channels_independent_in_the_sampler": "samples_are_from_the_density",
    "likelihood_mode_as_mean": "mean_is_that_of_the_samples",
    "likelihood_rows_share_a_scale": "rows_do_not_mix",
    "likelihood_normal_declared_unit": "stays_in_its_support",
    "prior_no_example_left_out": "training_examples_are_left_out",
    "prior_place_for_row": "training_examples_are_left_out",
    "prior_next_example_left_out": "training_examples_are_left_out",
    "prior_left_out_without_renormalizing": "training_examples_are_left_out",
    "prior_samples_of_what_is_left_out": "training_examples_are_left_out",
    "objective_rows_forgotten": "rows_reach_the_prior",
    "objective_observed_forgotten": "unobserved_elements_are_left_out",
    "objective_entropy_added": "means_are_as_declared",
    "objective_rate_at_the_mean": "means_are_as_declared",
    "objective_class_prior_dropped": "bounds_the_evidence",
    "objective_labels_for_the_classifier_only": "means_are_as_declared",
    "objective_missing_labels_taken_as_the_last_class": "means_are_as_declared",
    "objective_each_class_of_another_example": "losses_of_rows_do_not_mix",
    "objective_classifier_stopped": "gradients_descend_the_loss",
    "objective_sign_flipped": "bounds_the_evidence",
    "objective_no_log_of_samples": "bounds_the_evidence",
    "objective_divergence_without_gradient": "gradients_descend_the_loss",
    "objective_batch_mean": "losses_of_rows_do_not_mix",
    "objective_weights_ignored": "losses_of_rows_do_not_mix",
    "bijector_once_per_dimension": "log_det_is_that_of_the_jacobian",
    "bijector_right_by_its_cache": "round_trips",
    "bijector_network_hidden": "owns_its_variables",
    "objective_divergence_of_marginals": "bounds_the_evidence",
    "encoder_first_channel_only": "every_part_of_an_example_is_read",
    "encoder_last_element_dropped": "every_part_of_an_example_is_read",
    "encoder_upper_half_only": "every_part_of_an_example_is_read",
    "encoder_latents_copied": "elements_are_no_copies",
    "encoder_scale_of_the_examples_not_saved": "restores",
    "encoder_mean_of_the_examples_not_saved": "restores",
    "encoder_ten_examples_needed": "restores",
    "decoder_first_channel_repeated": "elements_are_no_copies",
    "decoder_last_channel_is_the_first": "elements_are_no_copies",
    "decoder_mean_of_the_examples_not_saved": "restores",
    "prior_scale_of_the_examples_not_saved": "restores",
    "posterior_first_location_copied": "elements_are_no_copies",
    "posterior_flow_without_its_log_determinant": "density_integrates_to_one",
    "posterior_flow_log_determinant_of_the_wrong_sign": "log_prob_broadcasts",
    "posterior_flow_context_of_the_first_row": "rows_do_not_mix",
    "posterior_flow_context_unused": "answers_depend_on_inputs",
    "posterior_mixture_from_the_first_component": "samples_move_with_the_density",
    "posterior_mixture_density_of_the_drawn_component": "log_prob_broadcasts",
    "posterior_concrete_density_of_the_vector": "density_integrates_to_one",
    "posterior_concrete_without_its_temperature": "density_integrates_to_one",
    "posterior_concrete_noise_of_the_wrong_sign": "samples_are_from_the_density",
    "posterior_concrete_straight_through": "samples_are_from_the_density",
    "likelihood_log_normal_declared_from_zero": "stays_in_its_support",
    "prior_condition_ignored": "conditions_are_used",
    "prior_last_condition_dropped": "conditions_are_used",
    "decoder_condition_taken_and_dropped": "conditions_are_used",
    "prior_conditions_shuffled": "conditions_are_of_their_rows",
    "prior_conditions_averaged": "conditions_are_of_their_rows",
    "decoder_condition_along_the_wrong_axis": "conditions_are_of_their_rows",
    "decoder_condition_of_no_samples": "conditions_are_of_their_rows",
    "encoder_condition_of_the_first_row": "conditions_are_of_their_rows",
    "prior_condition_asked_for_and_not_taken": "conditions_are_taken_as_declared",
    "prior_condition_taken_unasked": "conditions_are_taken_as_declared",
    "likelihood_bits_declared_one_hot": "stays_in_its_support",
    "likelihood_one_hot_declared_bits": "probabilities_sum_to_one",
    "likelihood_one_hot_twice_too_likely": "samples_are_from_the_density",
    "likelihood_poisson_without_its_factorial": "probabilities_sum_to_one",
    "likelihood_zero_inflated_in_the_sampler": "samples_are_from_the_density",
    "likelihood_poisson_rate_may_be_zero": "finite",
    "likelihood_scale_of_the_examples_not_saved": "restores",
    "prior_components_drawn_with_one_seed": "draws_of_other_seeds_are_independent",
    "prior_scale_drawn_with_one_seed": "draws_of_other_seeds_are_independent",
    "prior_half_of_the_seed": "draws_of_other_seeds_are_independent",
    "objective_one_term_with_its_own_seed": "losses_are_functions_of_the_seed",
    "objective_normalised_weights_times_log_weights": "bounds_the_evidence",
    "objective_mean_outside_the_log": "means_are_as_declared",
    "objective_terms_swapped": "means_are_as_declared",
    "objective_warm_up_squared": "means_are_as_declared",
    "objective_cycles_without_rest": "means_are_as_declared",
    "objective_floor_of_each_example": "means_are_as_declared",
    "objective_repeats_and_samples_exchanged": "equals_what_it_names_in_its_limits",
    "objective_order_of_the_wrong_sign": "equals_what_it_names_in_its_limits",
    "objective_diagonal_kept": "equals_what_it_names_in_its_limits",
    "objective_correlation_of_the_wrong_sign": "equals_what_it_names_in_its_limits",
    "objective_data_size_forgotten": "parameters_have_an_effect",
    "objective_weights_not_squared": "gradients_are_those_of_their_targets",
    "objective_sample_stopped": "gradients_are_those_of_their_targets",
    "objective_no_less_variance": "gradients_are_those_of_their_targets",
    "bijector_slope_may_be_negative": "stays_invertible",
    "bijector_nothing_at_zero": "holds_at_special_points",
    "bijector_series_near_zero": "holds_at_special_points",
    "classifier_one_hot": "shapes",
    "classifier_one_class_too_many": "shapes",
    "classifier_batch_normalised": "rows_do_not_mix",
    "classifier_softmax_over_the_batch": "rows_do_not_mix",
    "classifier_probabilities_of_zero": "finite",
    "classifier_always_dropout": "graph_equals_eager",
    "classifier_logits_stopped": "gradients_are_slopes_of_the_density",
    "classifier_last_two_classes_alike": "elements_are_no_copies",
    "classifier_last_element_dropped": "every_part_of_an_example_is_read",
    "classifier_scale_of_the_examples_not_saved": "restores",
    "network_last_element_dropped": "every_part_of_an_example_is_read",
    "network_rows_centred": "rows_do_not_mix",
    "network_batch_normalised": "rows_do_not_mix",
    "network_first_output_repeated": "elements_are_no_copies",
    "network_projection_not_saved": "restores",
    "network_leading_axes_flattened": "shapes",
    "network_leading_axes_transposed": "leading_axes_are_rows",
    "network_layer_made_in_the_call": "owns_its_variables",
    "network_always_dropout": "graph_equals_eager",
    "network_batch_size_read": "graph_equals_eager",
    "network_layer_without_effect": "learns",
    "network_one_of_two_paths_stopped": "gradients_are_slopes_of_the_density",
    "network_exponential_without_bound": "finite",
    "network_options_swallowed": "builds",
    "network_constant_seed": "initial_values_are_functions_of_the_seed",
    "network_layer_in_a_function": "copies_are_independent",
    "likelihood_library_size_ignored": "conditions_are_used",
    "likelihood_library_size_of_the_first_row": "conditions_are_of_their_rows",
    "likelihood_library_size_taken_unasked": "conditions_are_taken_as_declared",
    "likelihood_columns_in_the_order_of_their_kinds": "stays_in_its_support",
    "likelihood_category_without_its_normaliser": "samples_are_from_the_density",
    "likelihood_mean_and_dispersion_exchanged": "samples_are_from_the_density",
    "likelihood_successes_and_failures_exchanged": "samples_are_from_the_density",
    "likelihood_no_binomial_coefficient": "probabilities_sum_to_one",
    "likelihood_zero_inflation_counted_twice": "probabilities_sum_to_one",
    "likelihood_all_zeros_are_additional": "probabilities_sum_to_one",
    "likelihood_mean_without_its_zeros": "mean_is_that_of_the_samples",
    "likelihood_bins_of_another_number_of_levels": "probabilities_sum_to_one",
    "likelihood_unlikely_levels_raised": "probabilities_sum_to_one",
    "likelihood_levels_one_too_many": "stays_in_its_support",
    "likelihood_log_scale_not_floored": "finite",
    "likelihood_degrees_of_freedom_ignored": "parameters_change_something",
    "prior_components_ignored": "parameters_change_something",
    "network_activation_ignored": "parameters_change_something",
    "likelihood_bins_without_tails": "probabilities_sum_to_one",
    "posterior_mean_of_the_upper_block": "samples_are_from_the_density",
    "posterior_density_of_the_lowest_block": "samples_are_from_the_density",
    "posterior_upper_block_ignored": "blocks_depend_on_those_above",
    "prior_upper_block_ignored": "blocks_depend_on_those_above",
    "posterior_lowest_block_alone": "blocks_depend_on_those_above",
    "prior_conditioned_on_the_wrong_block": "density_integrates_to_one",
    "prior_blocks_in_another_order": "samples_are_from_the_density",
    "bijector_inverse_kept_as_an_array": "restores",
    "bijector_log_det_kept": "restores",
}


@pytest.fixture(autouse=True)
def no_smaller_case(monkeypatch):
    """Here a failure is enough: finding the smallest case takes most of the time, and test_runner.py checks it."""
    monkeypatch.setitem(SHRINKING, "fast", 0.0)


def one_of_each_kind_first():
    """The mistakes, and the check that is for each; in the quick run, one for each kind and check."""
    seen = set()
    for name, check in KNOWN.items():
        pair = (BROKEN[name].kind, check)
        yield pytest.param(name, check, marks=[pytest.mark.slow] if pair in seen else [])
        seen.add(pair)


@pytest.mark.parametrize(("name", "check"), [*one_of_each_kind_first()])
def test_a_mistake_is_caught_by_the_check_that_is_for_it(name, check):
    mutant = BROKEN[name]
    (result,) = testing.check(mutant.kind, mutant.factory, only=[check]).results
    assert result.status == "failed", str(result)
    assert result.replay


def test_a_wrong_gradient_is_that_of_a_variable():
    mutant = BROKEN["prior_scale_stopped"]
    (result,) = testing.check(mutant.kind, mutant.factory, only="gradients_are_slopes_of_the_density").results
    assert result.message.startswith("the gradient of log_prob to raw_scale is ")


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_every_mistake_is_caught(name):
    mutant = BROKEN[name]
    subject = testing.Subject(mutant.kind, mutant.factory)
    applicable = [check for check in iter_checks(mutant.kind) if check.applies(subject)]
    assert any(run(check, subject).status == "failed" for check in applicable), mutant.mistake


ANY_SEED = {
    "objective_normalised_weights_times_log_weights": "bounds_the_evidence",
    "objective_mean_outside_the_log": "means_are_as_declared",
    "objective_beta_ignored": "parameters_have_an_effect",
    "objective_one_sample_repeated": "parameters_have_an_effect",
    "objective_one_term_with_its_own_seed": "losses_are_functions_of_the_seed",
    "prior_components_drawn_with_one_seed": "draws_of_other_seeds_are_independent",
    "bijector_planar_without_its_constraint": "stays_invertible",
    "prior_point_stopped": "gradients_are_slopes_of_the_density",
    "posterior_draws_reshaped": "rows_do_not_mix",
    "likelihood_no_normaliser_in_the_middle": "special_outputs_are_no_exceptions",
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "check"), ANY_SEED.items())
def test_a_mistake_is_caught_in_one_case_whatever_the_seed(name, check, seed):
    assert _alarms(name, check, Case(seed=seed, perturbation=0.3))


def test_a_spline_that_is_nan_next_to_a_knot_is_caught():
    cases = (Case(latent_dim=2, configuration={"bins": 8}, seed=seed) for seed in range(8))
    assert any(_alarms("bijector_tfp_spline", "finite_at_every_joint", case) for case in cases)


def _alarms(name, check, case):
    """Whether one check raises an alarm on one case."""
    (found,) = (known for known in iter_checks(BROKEN[name].kind) if known.name == check)
    try:
        found(testing.Subject(BROKEN[name].kind, BROKEN[name].factory), case)
    except Violation:
        return True
    return False


STATISTICAL = ["prior_weights_ignored", "prior_five_percent_too_much", "prior_samples_too_wide"]


@pytest.mark.parametrize("D", [1, 2, 4])
@pytest.mark.parametrize("name", STATISTICAL)
def test_what_only_statistics_can_see_is_seen_in_every_dimension(name, D):
    """As the check tries it: at the defaults, with perturbed variables."""
    _caught(name, D)


@pytest.mark.parametrize("D", [2, 4])
def test_a_swapped_dimension_is_seen(D):
    _caught("prior_samples_swapped", D)


def _caught(name, D):
    cases = [Case(latent_dim=D, perturbation=1.0, seed=seed) for seed in range(3)]
    assert all(_alarms(name, "samples_are_from_the_density", case) for case in cases)

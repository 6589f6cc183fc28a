"""What is right raises no alarm: here what was one once, and what is near one; all of it in the benchmark."""

import pytest

from probvae import testing

from .correct import CORRECT


def assert_green(name, check, seed=0):
    component = CORRECT[name]
    report = testing.check(component.kind, component.factory, only=[check], seed=seed)
    assert report.ok, str(report)
    assert report.results[0].status == "passed"


def test_a_kink_at_a_sample_is_no_wrong_gradient():
    assert_green("prior_laplace", "gradients_are_slopes_of_the_density", seed=16)


@pytest.mark.parametrize("name", [name for name, found in CORRECT.items() if found.kind == "posterior"])
def test_samples_that_are_reparameterized_in_any_way_move_with_their_density(name):
    assert_green(name, "samples_move_with_the_density", seed=1)

"""The likelihoods of levels from 0 to 1, as of 8-bit images: their probabilities sum to 1 wherever they are."""

import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.components.likelihoods.logistic_levels import logistic_levels

from .numerics import f64

SCALES = np.geomspace(1e-3, 1e3, 25)
"""In units of the values, from 0 to 1; over 255 they are in units of a step."""
LOCATIONS = np.concatenate(
    [np.linspace(-0.2, 1.2, 57), [-1e6, -1e3, -5, 5, 1e3, 1e6], np.arange(0, 256, 51) / 255]
)


def logistic(x):
    return np.exp(-np.logaddexp(0, -x))


def levels_of(count):
    return (np.arange(count) / (count - 1)).astype(np.float32)


@pytest.mark.parametrize("unit", [1.0, 1 / 255], ids=["values", "steps"])
def test_the_levels_sum_to_one_and_slopes_are_finite_for_any_scale_and_location(unit):
    loc, scale = (tf.constant(part.ravel(), tf.float32) for part in np.meshgrid(LOCATIONS, unit * SCALES))
    x = levels_of(256)[:, None]
    with tf.GradientTape() as tape:
        tape.watch([loc, scale])
        log_prob = logistic_levels(loc, scale, 256).log_prob(x)  # [256, N]
    np.testing.assert_allclose(np.exp(f64(log_prob)).sum(0), 1, atol=2e-5)
    assert np.isfinite(log_prob).all()
    for slope in tape.gradient(log_prob, [loc, scale]):
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_probabilities_are_differences_of_the_logistic_function_with_tails_at_the_ends(levels):
    rng = np.random.default_rng(0)
    loc, scale = rng.uniform(-0.1, 1.1, 20), np.geomspace(0.01, 1.0, 20)
    x = levels_of(levels)[:, None]
    half = 0.5 / (levels - 1)
    above = np.where(x == 1, 1.0, logistic((f64(x) + half - loc) / scale))
    below = np.where(x == 0, 0.0, logistic((f64(x) - half - loc) / scale))
    p = logistic_levels(loc.astype(np.float32), scale.astype(np.float32), levels)
    np.testing.assert_allclose(np.exp(f64(p.log_prob(x))), above - below, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(p.mean(), ((above - below) * f64(x)).sum(0), atol=1e-5)
    draws = f64(p.sample(4000, seed=[0, 1]))
    assert np.isin(draws.astype(np.float32), x).all()
    spread = np.sqrt((((above - below) * f64(x) ** 2).sum(0) - f64(p.mean()) ** 2) / 4000)
    assert np.all(np.abs(draws.mean(0) - p.mean()) < 6 * spread + 1e-6)


def test_a_discretised_logistic_is_around_one_half_plus_the_outputs():
    head = c.DiscretisedLogistic((2, 2, 3), scale="per_element", initial_scale=0.02)
    assert head.output_shape == (2, 2, 6)
    p = head.likelihood(np.zeros((1, 2, 2, 6), np.float32))
    expected = logistic_levels(tf.constant(0.5), tf.constant(0.02), 256)
    x = np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3)).astype(np.float32) / 255
    np.testing.assert_allclose(p.log_prob(x), [f64(expected.log_prob(x)).sum()], rtol=1e-4)


def test_a_mixture_sums_its_parts_for_any_scale_and_location_and_has_finite_slopes():
    rng, head = np.random.default_rng(1), c.DiscretisedLogisticMixture((1,), components=3)
    size = np.geomspace(0.1, 300, 60)[:, None]
    outputs = tf.constant(size * rng.normal(size=(60, 9)), tf.float32)  # logits, locations, raw scales
    x = levels_of(256)[:, None, None]
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        log_prob = head.likelihood(outputs).log_prob(x)  # [256, 60]
    np.testing.assert_allclose(np.exp(f64(log_prob)).sum(0), 1, atol=2e-5)
    assert np.isfinite(tape.gradient(log_prob, outputs)).all()
    # The same from the parts, at outputs of ordinary size.
    few = outputs[:20]
    logits, loc = f64(few[:, :3]), f64(few[:, 3:6]) + np.array([1, 3, 5]) / 6
    scale = np.logaddexp(0, f64(few[:, 6:]) + np.log(np.expm1(1 / 6 - 1e-4))) + 1e-4
    weights = np.exp(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))
    parts = np.exp(f64(logistic_levels(loc.astype(np.float32), scale.astype(np.float32), 256).log_prob(x)))
    np.testing.assert_allclose(np.exp(f64(log_prob[:, :20])), (weights * parts).sum(-1), rtol=2e-3, atol=1e-8)


@pytest.mark.parametrize("use", ["discretised_logistic", "discretised_logistic_mixture"])
def test_levels_compile_with_xla(use):
    head = {
        "discretised_logistic": c.DiscretisedLogistic,
        "discretised_logistic_mixture": c.DiscretisedLogisticMixture,
    }
    p = head[use]((3,))
    outputs = tf.random.stateless_normal((2, *p.output_shape), [0, 1])
    x = tf.constant([[0.0, 0.2, 1.0]])
    compiled = tf.function(lambda: p.likelihood(outputs).log_prob(x), jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(), p.likelihood(outputs).log_prob(x), rtol=1e-4)

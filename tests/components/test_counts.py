"""The likelihoods of counts against SciPy in double precision; `tools/reference_masses.py` keeps its numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.core import COUNTS

from .numerics import f64, softplus

REFERENCE = json.loads(Path(__file__).with_name("reference_masses.json").read_text())
FLOOR = 1e-4


def reference(name):
    """The parameters, the values and the log-probabilities of a table, each [N]."""
    return np.array(REFERENCE[name]).T


def column(numbers):
    """Numbers [N] as float32 [N, 1]."""
    return np.asarray(numbers, np.float32)[:, None]


def raw_dispersion(dispersion):
    """The raw number whose softplus, above the floor, it is."""
    return np.log(np.expm1(dispersion - FLOOR)) - 1e-5


def test_poisson_is_scipys():
    mean, x, expected = reference("poisson")
    log_prob = c.Poisson((1,)).likelihood(column(np.log(mean))).log_prob(column(x))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5, atol=6e-3)


def test_negative_binomial_by_mean_and_dispersion_is_scipys_by_n_and_p():
    mean, dispersion, x, expected = reference("negative_binomial")
    outputs = column(np.log(mean))
    each = np.concatenate([outputs, column(raw_dispersion(dispersion) - raw_dispersion(1.0))], axis=1)
    p = c.NegativeBinomial((1,), "per_example").likelihood(each)
    np.testing.assert_allclose(p.log_prob(column(x)), expected, rtol=2e-4, atol=6e-3)
    np.testing.assert_allclose(p.mean()[:, 0], mean, rtol=1e-4)
    np.testing.assert_allclose(p.variance()[:, 0], mean + dispersion * mean**2, rtol=1e-3)
    head = c.NegativeBinomial((1,))
    head.raw_dispersion.assign([raw_dispersion(0.3)])
    same = dispersion == 0.3
    learned = head.likelihood(outputs[same]).log_prob(column(x[same]))
    np.testing.assert_allclose(learned, expected[same], rtol=2e-4, atol=6e-3)


@pytest.mark.parametrize("head", [c.Poisson, c.NegativeBinomial])
@pytest.mark.parametrize("mean", [0.3, 20.0, 5000.0])
def test_counts_are_drawn_with_the_mean_and_the_variance(head, mean):
    draws, number = 20_000, np.full((1, 1), np.log(mean), np.float32)
    found = f64(head((1,)).likelihood(number).sample(draws, seed=[0, 1])).ravel()
    variance = mean + (mean**2 if head is c.NegativeBinomial else 0)  # the dispersion begins at 1
    assert np.array_equal(found, np.round(found))
    assert abs(found.mean() - mean) < 5 * np.sqrt(variance / draws)
    np.testing.assert_allclose(found.var(), variance, rtol=0.15)


def test_a_dispersion_is_learned_for_each_element_or_is_an_output():
    learned, of_z = c.NegativeBinomial((2, 3)), c.NegativeBinomial((2, 3), dispersion="per_example")
    assert (learned.output_shape, of_z.output_shape) == ((2, 3), (2, 6))
    assert [variable.shape for variable in learned.trainable_variables] == [(2, 3)]
    assert not of_z.trainable_variables
    np.testing.assert_allclose(softplus(f64(learned.raw_dispersion) + 1e-5) + FLOOR, 1, rtol=1e-4)


@pytest.mark.parametrize("head", [c.Poisson, c.NegativeBinomial])
def test_means_have_an_end_and_slopes_do_not_end(head):
    numbers = tf.constant([[-1e3], [-60.0], [60.0], [1e3]])
    with tf.GradientTape() as tape:
        tape.watch(numbers)
        log_prob = head((1,)).likelihood(numbers).log_prob([[7.0]])
    slope = tape.gradient(log_prob, numbers)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(slope).all()
    assert slope[1] > 0 > slope[2]


@pytest.mark.parametrize("head", [c.Poisson, c.NegativeBinomial])
def test_counts_compile_with_xla(head):
    x, numbers = tf.constant([[0.0, 3.0, 800.0]]), tf.constant([[0.1, -2.0, 6.0]])
    p = head((3,))
    compiled = tf.function(lambda: p.likelihood(numbers).log_prob(x), jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(), p.likelihood(numbers).log_prob(x), rtol=1e-4)


def test_their_support_is_counts():
    assert c.Poisson.support == c.NegativeBinomial.support == COUNTS

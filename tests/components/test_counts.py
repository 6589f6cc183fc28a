"""The likelihoods of counts against SciPy in double precision; `tools/reference_masses.py` keeps its numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.components.likelihoods.counts import BetaBinomialCounts, NegativeBinomialCounts, PoissonCounts
from probvae.core import COUNTS
from probvae.errors import ConfigError

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


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("large_poisson", lambda log_mean: PoissonCounts(log_rate=log_mean)),
        ("large_negative_binomial", lambda total, logit: NegativeBinomialCounts(total, logits=logit)),
        ("large_beta_binomial", BetaBinomialCounts),
    ],
)
def test_log_probabilities_of_large_counts_are_small_differences_of_large_terms(name, counts):
    *parameters, x, expected = reference(name)
    log_prob = counts(*(np.asarray(parameter, np.float32) for parameter in parameters)).log_prob(x)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-6)


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


@pytest.mark.parametrize("logit", [-30.0, -1.5, 0.0, 2.0, 30.0])
def test_zero_inflation_is_a_mixture_with_zero(logit):
    """Its weight is sigmoid(logit); that of tfd.Inflated would be sigmoid(2 logit)."""
    mean, dispersion, x, counts = reference("negative_binomial")
    raw = raw_dispersion(dispersion) - raw_dispersion(1.0)
    outputs = np.concatenate([column(np.full_like(mean, logit)), column(np.log(mean)), column(raw)], axis=1)
    p = c.ZeroInflatedNegativeBinomial((1,), "per_example").likelihood(outputs)
    log_w, log_kept = -softplus(-logit), -softplus(logit) + counts
    expected = np.where(x == 0, np.logaddexp(log_w, log_kept), log_kept)
    np.testing.assert_allclose(p.log_prob(column(x)), expected, rtol=2e-4, atol=6e-3)
    np.testing.assert_allclose(p.mean()[:, 0], mean / (1 + np.exp(logit)), rtol=1e-4)


def test_zeros_are_added_as_often_as_their_weight_says():
    outputs = np.array([[1.0, np.log(50.0)]], np.float32)
    found = f64(c.ZeroInflatedNegativeBinomial((1,)).likelihood(outputs).sample(20_000, seed=[0, 1]))
    weight = 1 / (1 + np.exp(-1.0))
    expected = weight + (1 - weight) / 51  # with a dispersion of 1 the counts are geometric
    assert abs(np.mean(found == 0) - expected) < 5 * np.sqrt(expected * (1 - expected) / 20_000)


@pytest.mark.parametrize("divide_by", [1, 255])
def test_beta_binomial_is_scipys(divide_by):
    trials, a, b, x, expected = reference("beta_binomial")
    outputs = np.stack([raw_dispersion(a) - raw_dispersion(1.0), raw_dispersion(b) - raw_dispersion(1.0)], -1)
    for number in (1, 10, 255):
        same = trials == number
        p = c.BetaBinomial((1,), number, divide_by).likelihood(outputs[same].astype(np.float32))
        log_prob = p.log_prob(column(x[same] / divide_by))
        np.testing.assert_allclose(log_prob, expected[same], rtol=5e-4, atol=5e-3)
        mean = (trials * a / (a + b))[same] / divide_by
        np.testing.assert_allclose(p.mean()[:, 0], mean, rtol=1e-3)


def test_beta_binomial_draws_its_probabilities():
    p = c.BetaBinomial((1,), trials=3).likelihood(np.array([[-1.0, 0.7]], np.float32))
    found = np.bincount(f64(p.sample(20_000, seed=[0, 1])).astype(int).ravel(), minlength=4) / 20_000
    expected = np.exp(f64(p.log_prob(np.arange(4, dtype=np.float32)[:, None, None])).ravel())
    np.testing.assert_allclose(expected.sum(), 1, atol=1e-5)
    np.testing.assert_allclose(found, expected, atol=5 * 0.5 / np.sqrt(20_000))


@pytest.mark.parametrize("divide_by", [1, 4])
def test_categorical_is_a_softmax_of_each_elements_outputs(divide_by):
    head, rng = c.Categorical((2, 3), levels=5, divide_by=divide_by), np.random.default_rng(0)
    outputs = rng.normal(size=(4, 2, 15)).astype(np.float32)
    x = rng.integers(0, 5, (4, 2, 3))
    logits = f64(outputs).reshape(4, 2, 3, 5)
    each = np.take_along_axis(logits, x[..., None], -1)[..., 0] - np.log(np.exp(logits).sum(-1))
    p = head.likelihood(outputs)
    np.testing.assert_allclose(p.log_prob((x / divide_by).astype(np.float32)), each.sum((1, 2)), rtol=1e-5)
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(p.mean(), probabilities @ np.arange(5) / divide_by, rtol=1e-5)


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


def test_supports_name_the_values():
    heads = (c.Poisson, c.NegativeBinomial, c.ZeroInflatedNegativeBinomial)
    assert {head((2,)).support for head in heads} == {COUNTS}
    bounded = (c.Categorical((2,), 10), c.BetaBinomial((2,), 9), c.BetaBinomial((2,), 255, divide_by=255))
    assert [str(head.support) for head in bounded] == [
        "integers from 0 to 9",
        "integers from 0 to 9",
        "multiples of 1/255 from 0 to 1",
    ]


SIZES = np.array([10.0, 1000.0], np.float32)
SHARES = np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])


@pytest.mark.parametrize("head", [c.Poisson, c.NegativeBinomial, c.ZeroInflatedNegativeBinomial])
def test_with_a_library_size_the_means_are_its_shares_of_the_total(head):
    """Whatever is added to all outputs: those of the softmax have no scale of their own."""
    with_size, plain = (head((3,), library_column=place) for place in (0, None))
    more = [np.full((2, 3), -1.0)] if head is c.ZeroInflatedNegativeBinomial else []
    outputs = np.concatenate([*more, np.log(SHARES) + np.array([[5.0], [-2.0]])], axis=1).astype(np.float32)
    expected = np.concatenate([*more, np.log(SIZES[:, None] * SHARES)], axis=1).astype(np.float32)
    x = np.array([[2.0, 4.0, 4.0], [650.0, 120.0, 230.0]], np.float32)
    p, reference = with_size.likelihood(outputs, np.log(SIZES)), plain.likelihood(expected)
    np.testing.assert_allclose(p.log_prob(x), reference.log_prob(x), rtol=1e-4)
    np.testing.assert_allclose(p.mean(), reference.mean(), rtol=1e-4)


def test_an_example_of_one_count_has_no_library_size():
    with pytest.raises(ConfigError, match=r"Poisson: expected examples of several counts.*got \[1\], whose one"):
        c.Poisson((1,), library_column=0)


@pytest.mark.parametrize("condition", [None, False], ids=["network too", "likelihood alone"])
def test_a_decoder_hands_the_library_size_to_its_likelihood(condition):
    head = c.Poisson((3,), library_column=1)
    decoder = c.NetworkDecoder(c.Dense((4,)), head, 2, condition_dim=2, condition=condition)
    z, conditions = (
        tf.zeros((5, 2, 2)),
        np.stack([[0.3, -0.3], np.log(SIZES)], axis=1).astype(np.float32),
    )  # [B, C]
    means = decoder.likelihood(z, conditions).mean()  # [5, B, 3]
    np.testing.assert_allclose(means.numpy().sum(-1), np.tile(SIZES, (5, 1)), rtol=1e-4)
    assert decoder.condition_dim == 2

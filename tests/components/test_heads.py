"""The heads' densities against formulas written in numpy."""

from math import lgamma

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given
from hypothesis import strategies as st

from probvae import components as c
from probvae.components.scales import soft_clip
from probvae.core import VAE
from probvae.errors import ConfigError
from probvae.registry import default

from .numerics import f64, normal_log_prob, softplus

RNG = np.random.default_rng(0)
FLOOR = 1e-4


def raw(*shape, scale=2.0):
    return (scale * RNG.normal(size=shape)).astype(np.float32)


@pytest.mark.parametrize("head", [c.Bernoulli, c.Normal, c.Poisson, c.Categorical, c.DiscretisedLogisticMixture])
def test_examples_have_an_axis(head):
    with pytest.raises(
        ConfigError, match=rf"{head.__name__}: expected .* event_shape of one axis or more.* got \(\)"
    ):
        head(())


# Posteriors


@pytest.mark.parametrize("floor", [None, 0.25])
def test_diagonal_normal_has_softplus_scales_above_the_floor(floor):
    head, outputs, z = c.DiagonalNormal(3, scale_floor=floor), raw(5, 6), raw(7, 5, 3)
    q = head.posterior(outputs)
    scale = softplus(f64(outputs[:, 3:]) + 1e-5) + (floor or FLOOR)
    np.testing.assert_allclose(q.stddev(), scale, rtol=1e-5)
    np.testing.assert_allclose(q.mean(), outputs[:, :3], rtol=1e-6)
    expected = normal_log_prob(f64(z), f64(outputs[:, :3]), scale).sum(-1)
    np.testing.assert_allclose(q.log_prob(z), expected, rtol=1e-4)


def test_diagonal_normal_clips_its_log_variance_softly_to_the_range():
    head, low, high = c.DiagonalNormal(5, log_variance_range=(-6, 2)), -6.0, 2.0
    numbers = np.array([-100.0, -6.0, 0.0, 2.0, 100.0], np.float32)
    variance = head.posterior(np.concatenate([np.zeros(5, np.float32), numbers])[None]).variance()
    v = np.exp(f64(numbers))
    expected = np.exp(high) * (np.exp(low) + v) / (np.exp(high) + v)  # a floor under it, and a cap over it
    np.testing.assert_allclose(variance[0], expected, rtol=1e-4)


@given(
    low=st.floats(-50, 50, width=32), width=st.floats(1 / 64, 50, width=32), number=st.floats(-10, 10, width=32)
)
def test_its_log_variance_has_a_slope_everywhere_and_starts_where_the_range_is_nearest_to_0(low, width, number):
    head, high = c.DiagonalNormal(1, log_variance_range=(low, low + width)), low + width
    outputs = tf.constant([[0.0, number], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        log_variance = 2 * tf.math.log(head.posterior(outputs).stddev())
    slope = tape.gradient(log_variance, outputs)[:, 1]
    assert np.all(slope > 0)
    assert np.all(low - 1e-4 <= log_variance)
    assert np.all(log_variance <= high + 1e-4)
    assert abs(log_variance[1, 0] - np.clip(0, low, high)) < np.log(2) + 1e-4


@pytest.mark.parametrize(("low", "high"), [(-6.0, 2.0), (0.1, 0.3), (-4.0, -3.0), (1.0, 60.0)])
def test_a_soft_clip_is_the_formula_and_its_slope_never_0_on_either_side(low, high):
    nearest = min(max(0.0, low), high)
    away = np.array([0.0, 0.1, 1.0, 5.0, 17.0, 20.0, 40.0, 80.0])
    numbers = np.concatenate([low - away, high + away, np.linspace(low, high, 9)]).astype(np.float32)
    t = tf.constant(numbers - np.float32(nearest))
    with tf.GradientTape() as tape:
        tape.watch(t)
        found = soft_clip(t, low, high)
    slope, x = f64(tape.gradient(found, t)), f64(t) + nearest
    assert np.all(slope > 0)
    np.testing.assert_allclose(found, low + softplus(x - low) - softplus(x - high), rtol=1e-6, atol=1e-5)
    # The slope is sigmoid(x - low) - sigmoid(x - high), written without a difference.
    expected = -np.expm1(low - high) / ((1 + np.exp(low - x)) * (1 + np.exp(x - high)))
    np.testing.assert_allclose(slope, expected, rtol=1e-3)


@pytest.mark.parametrize("number", [1e3, 1e8, 1e30])
def test_a_soft_clip_stays_in_its_range_however_far_outside(number):
    for sign, end in ((-1, -6.0), (1, 2.0)):
        assert float(soft_clip(tf.constant(sign * number), -6.0, 2.0)) == end


def test_meaningless_scales_are_refused():
    with pytest.raises(ConfigError, match="scale_floor has no effect with log_variance_range") as error:
        c.DiagonalNormal(2, scale_floor=0.1, log_variance_range=(-6, 2))
    assert error.value.parameter == "scale_floor"
    for low, high in [(2, -6), (1, 1)]:
        with pytest.raises(ConfigError, match=r"low < high; got \[") as error:
            c.DiagonalNormal(2, log_variance_range=(low, high))
        assert error.value.parameter == "log_variance_range"


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 5])
def test_full_covariance_normal_is_a_multivariate_normal(latent_dim):
    head, batch = c.FullCovarianceNormal(latent_dim), 4
    assert head.output_shape == (latent_dim + latent_dim * (latent_dim + 1) // 2,)
    outputs, z = raw(batch, *head.output_shape, scale=1.0), raw(6, batch, latent_dim)
    q = head.posterior(outputs)
    loc, covariance = f64(q.mean()), f64(q.covariance())
    np.testing.assert_allclose(loc, outputs[:, :latent_dim], rtol=1e-6)
    lower = f64(q.scale.to_dense())
    np.testing.assert_allclose(covariance, lower @ lower.transpose(0, 2, 1), atol=1e-5)
    np.testing.assert_array_equal(lower, np.tril(lower))
    # The free numbers are the entries of L: all are used, and the diagonal goes through the softplus.
    diagonal = np.einsum("bii->bi", lower)
    rest = np.sort(np.concatenate([lower[:, i, :i] for i in range(latent_dim)], axis=1), axis=1)
    before = np.log(np.expm1(diagonal - FLOOR)) - 1e-5
    np.testing.assert_allclose(
        np.sort(np.concatenate([rest, before], axis=1)), np.sort(outputs[:, latent_dim:]), atol=1e-3
    )
    away = f64(z) - loc
    inverse, log_det = np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]
    distance = np.einsum("sbi,bij,sbj->sb", away, inverse, away)
    expected = -0.5 * (distance + log_det + latent_dim * np.log(2 * np.pi))
    np.testing.assert_allclose(q.log_prob(z), expected, rtol=2e-3)
    kl = 0.5 * (np.einsum("bii->b", covariance) + (loc**2).sum(1) - latent_dim - log_det)
    found = q.kl_divergence(c.StandardNormal(latent_dim).distribution())
    np.testing.assert_allclose(found, kl, rtol=1e-4)


# Likelihoods

EVENTS = [(4,), (2, 3), (2, 2, 3)]


@given(event=st.sampled_from(EVENTS), leading=st.sampled_from([(), (3,), (2, 3)]))
def test_bernoulli_log_prob_is_the_formula(event, leading):
    logits, x = raw(*leading, *event), (RNG.random((*leading, *event)) > 0.5).astype(np.float32)
    p = 1 / (1 + np.exp(-f64(logits)))
    expected = (x * np.log(p) + (1 - x) * np.log1p(-p)).reshape(*leading, -1).sum(-1)
    d = c.Bernoulli(event).likelihood(logits)
    np.testing.assert_allclose(d.log_prob(x), expected, rtol=1e-5)
    assert d.dtype == tf.float32


def test_bernoulli_is_that_of_tfp_and_its_slope_is_exact_for_any_logits():
    logits = tf.constant([-1e4, -100.0, -20.0, -1.0, 0.0, 1e-3, 5.0, 30.0, 1e4])
    for x in (0.0, 1.0):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            log_prob = c.Bernoulli((1,)).elements(logits).log_prob(x)
        expected = tfp.distributions.Bernoulli(logits=logits).log_prob(x)
        np.testing.assert_allclose(log_prob, expected, rtol=1e-6, atol=4e-6)
        np.testing.assert_allclose(tape.gradient(log_prob, logits), x - tf.sigmoid(logits), atol=1e-6)


def continuous_bernoulli_log_prob(x, logits):
    """The density on [0, 1] that is proportional to exp(logits x)."""
    safe = np.where(logits == 0, 1.0, logits)
    return x * logits + np.where(logits == 0, 0.0, np.log(safe / np.expm1(safe)))


LOGITS = [0.0, 1e-6, -1e-3, 3.9e-3, -4.1e-3, 0.1, -1.0, 5.0, -20.0, 80.0]


@pytest.mark.parametrize("logits", LOGITS)
def test_continuous_bernoulli_is_a_density_on_the_unit_interval(logits):
    x = (np.arange(20_000) + 0.5) / 20_000
    d = c.ContinuousBernoulli((1,)).likelihood(np.array([logits], np.float32))
    log_prob = f64(d.log_prob(x[:, None].astype(np.float32)))
    np.testing.assert_allclose(np.exp(log_prob).mean(), 1, atol=1e-5)
    np.testing.assert_allclose(log_prob, continuous_bernoulli_log_prob(x, logits), atol=2e-5 * (1 + abs(logits)))
    np.testing.assert_allclose(d.mean()[0], (x * np.exp(log_prob)).mean(), atol=1e-4)


@given(event=st.sampled_from(EVENTS), leading=st.sampled_from([(), (3,), (2, 3)]))
def test_continuous_bernoulli_sums_over_the_event(event, leading):
    logits, x = raw(*leading, *event), RNG.random((*leading, *event)).astype(np.float32)
    expected = continuous_bernoulli_log_prob(f64(x), f64(logits)).reshape(*leading, -1).sum(-1)
    np.testing.assert_allclose(c.ContinuousBernoulli(event).likelihood(logits).log_prob(x), expected, atol=1e-4)


@pytest.mark.parametrize("scale", ["fixed", "learned", "per_element"])
@pytest.mark.parametrize("event", EVENTS, ids=str)
def test_normal_log_prob_is_the_formula(scale, event):
    head, x = c.Normal(event, scale, initial_scale=0.5), raw(3, *event)
    outputs = raw(3, *head.output_shape)
    channels = event[-1]
    assert head.output_shape == (*event[:-1], channels * (2 if scale == "per_element" else 1))
    if scale == "learned":
        head.raw_scale.assign(0.7)
    inverse = np.log(np.expm1(0.5 - FLOOR)) - 1e-5
    expected_scale = {
        "fixed": lambda: 0.5,
        "learned": lambda: softplus(0.7 + 1e-5) + FLOOR,
        "per_element": lambda: softplus(f64(outputs[..., channels:]) + inverse + 1e-5) + FLOOR,
    }[scale]()
    expected = normal_log_prob(f64(x), f64(outputs[..., :channels]), expected_scale).reshape(3, -1).sum(-1)
    d = head.likelihood(outputs)
    np.testing.assert_allclose(d.log_prob(x), expected, rtol=1e-4)
    assert len(head.trainable_variables) == (scale == "learned")
    assert (d.batch_shape, d.event_shape) == ((3,), event)


@pytest.mark.parametrize("scale", ["fixed", "learned", "per_element"])
@pytest.mark.parametrize("start", [1e-3, 1.0, 2, 1000.0], ids=str)
def test_the_initial_scale_is_the_scale_at_the_start(scale, start):
    """Also where it is an int, as users write it, or as large as the scale of data in 0 to 255 may be."""
    head = c.Normal((2,), scale, initial_scale=start)
    d = head.likelihood(np.zeros((1, *head.output_shape), np.float32))
    np.testing.assert_allclose(d.stddev(), np.full((1, 2), start), rtol=1e-2)


@pytest.mark.parametrize("scale", ["learned", "per_element"])
def test_an_initial_scale_below_the_floor_is_refused_and_not_raised(scale):
    with pytest.raises(ConfigError, match=r"expected an initial_scale above 0.0001.*got 5e-05.*'fixed'") as error:
        c.Normal((2,), scale, initial_scale=5e-5)
    assert error.value.parameter == "initial_scale"
    p = c.Normal((2,), "fixed", initial_scale=5e-5).likelihood(tf.zeros((1, 2)))
    np.testing.assert_allclose(p.stddev(), np.full((1, 2), 5e-5))


@pytest.mark.parametrize("scale", ["fixed", "learned", "per_element"])
def test_laplace_and_student_t_are_the_formulas(scale):
    event, x = (2, 3), raw(4, 2, 3)
    heads = {"laplace": c.Laplace(event, scale, 0.5), "student_t": c.StudentT(event, 2.5, scale, 0.5)}
    outputs = raw(4, *heads["laplace"].output_shape)
    width = 0.5
    if scale == "per_element":
        inverse = np.log(np.expm1(0.5 - FLOOR)) - 1e-5
        width = softplus(f64(outputs[..., 3:]) + inverse + 1e-5) + FLOOR
    y, df = (f64(x) - f64(outputs[..., :3])) / width, 2.5
    constant = lgamma((df + 1) / 2) - lgamma(df / 2) - 0.5 * np.log(df * np.pi)
    expected = {
        "laplace": -np.abs(y) - np.log(2 * width),
        "student_t": constant - 0.5 * (df + 1) * np.log1p(y**2 / df) - np.log(width),
    }
    for name, head in heads.items():
        found = head.likelihood(outputs).log_prob(x)
        np.testing.assert_allclose(found, expected[name].sum((1, 2)), rtol=1e-4, err_msg=name)


def test_student_t_draws_have_its_quantiles():
    draws = np.sort(f64(c.StudentT((1,), 2.0).likelihood(tf.zeros((1, 1))).sample(20_000, seed=[0, 1])).ravel())
    share = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    exact = (2 * share - 1) / np.sqrt(2 * share * (1 - share))  # with two degrees of freedom
    below = np.searchsorted(draws, exact) / len(draws)
    np.testing.assert_allclose(below, share, atol=5 * 0.5 / np.sqrt(len(draws)))


def test_supports_are_what_has_probability():
    assert [str(head.support) for head in (c.Bernoulli, c.ContinuousBernoulli, c.Normal)] == [
        "0 and 1 only",
        "numbers from 0 to 1",
        "all numbers",
    ]
    assert c.NetworkDecoder(c.Dense(), c.Bernoulli((4,)), 2).support == c.Bernoulli.support


OF_ALL_ELEMENTS_ALIKE = [name for name in default().names("likelihood") if name != "mixed"]
"""`mixed` is of columns, in tests of its own."""


@pytest.mark.parametrize("name", OF_ALL_ELEMENTS_ALIKE)
def test_missing_elements_are_left_out_of_any_likelihood(name):
    head = default()["likelihood", name].load()((2, 3))
    p = head.likelihood(raw(4, *head.output_shape))
    x = p.sample(seed=[0, 1])
    each = p.distribution.log_prob(x)
    np.testing.assert_allclose(p.log_prob(x), f64(each).sum((1, 2)), rtol=1e-5)
    # A model leaves out what is not observed, whatever stands there.
    decoder = c.NetworkDecoder(c.Dense(hidden=(4,)), head, latent_dim=2)
    encoder = c.NetworkEncoder(c.Dense(hidden=(4,)), c.DiagonalNormal(2), (2, 3))
    vae, z = VAE(encoder, decoder, c.StandardNormal(2)), raw(4, 2)
    observed = np.arange(6).reshape(2, 3) % 2 == np.zeros((4, 1, 1))
    found = vae.log_likelihood(np.where(observed, x, np.nan), z, observed=observed)
    expected = f64(decoder.likelihood(z).distribution.log_prob(x))
    np.testing.assert_allclose(found, np.where(observed, expected, 0).sum((1, 2)), rtol=1e-5)

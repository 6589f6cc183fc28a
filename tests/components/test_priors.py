"""Every prior is a density that its sampler draws from, in one to four dimensions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.core import named_variables
from probvae.errors import ConfigError

from .numerics import f64, logsumexp, normal_log_prob, perturb, softplus


def vamp(D):
    encoder = c.NetworkEncoder(c.Dense((4,), "tanh"), c.DiagonalNormal(D), (3,))
    return c.Vamp(encoder, (3,), pseudo_inputs=4, initial="noise", learned_weights=True)


PRIORS = {
    "standard_normal": c.StandardNormal,
    "laplace": c.LaplacePrior,
    "mixture": lambda D: c.Mixture(D, 3),
    "vamp": vamp,
    "realnvp": lambda D: c.RealNVP(D, 3, (8,)),
    "maf": lambda D: c.MAF(D, 2, (8,)),
    "autoregressive": lambda D: c.IAF(D, 2, (8,)),
    "spline": lambda D: c.Spline(D, 2, (8,), bins=4),
}
FLOWS = ["realnvp", "maf", "autoregressive", "spline"]
SEED = [3, 4]

every_prior = pytest.mark.parametrize("name", PRIORS)
dimensions = pytest.mark.parametrize("D", [1, 2, 3, 4])


def moved(name, D):
    """The prior, away from where it starts; much further, and splines are too steep for float32 and a grid."""
    return perturb(PRIORS[name](D), 0.2)


@pytest.mark.parametrize("name", FLOWS)
def test_every_variable_learns_from_the_start(name):
    prior = PRIORS[name](2)
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_sum(prior.distribution().log_prob(tf.random.stateless_normal((50, 2), SEED)))
    names = {name: v for name, v in named_variables(prior).items() if v.trainable}
    for name, gradient in zip(names, tape.gradient(log_prob, [v.value for v in names.values()]), strict=True):
        assert np.abs(gradient).max() > 0, name


@every_prior
def test_networks_in_bfloat16_leave_the_density_in_float32(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        p = PRIORS[name](2).distribution()
    finally:
        keras.config.set_dtype_policy("float32")
    z = p.sample(3, seed=SEED)
    assert (z.dtype, p.log_prob(z).dtype) == (tf.float32, tf.float32)


# Flows


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("D", [2, 3, 4])
def test_a_flow_moves_every_latent(name, D):
    prior = moved(name, D)
    x = np.random.default_rng(0).normal(size=(20, D)).astype(np.float32)
    assert np.all(np.abs(prior.bijector().forward(x) - x).max(0) > 1e-2)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("D", [2, 3])
def test_a_flow_starts_near_the_standard_normal(name, D):
    z = np.random.default_rng(0).normal(size=(100, D)).astype(np.float32)
    found = PRIORS[name](D).distribution().log_prob(z)
    assert np.abs(found - normal_log_prob(f64(z), 0.0, 1.0).sum(1)).mean() < 0.5


def test_an_inverse_autoregressive_flow_undoes_a_masked_one_of_the_same_networks():
    """With f = A ∘ R for the one and A⁻¹ ∘ R for the other, R the reversal: f(R g(R x)) = R x."""
    masked, inverse = moved("maf", 4), c.IAF(4, 1, (8,))
    masked.networks = inverse.networks = masked.networks[:1]
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    y, slopes = inverse.bijector().forward_with_slopes(x)
    assert np.abs(y - x[:, ::-1]).max() > 0.1
    back, undone = masked.bijector().forward_with_slopes(y[:, ::-1])
    np.testing.assert_allclose(back, x[:, ::-1], atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(slopes + undone, -1), np.zeros(9), atol=1e-5)


@pytest.mark.parametrize(("name", "quick"), [("maf", "log_prob"), ("autoregressive", "sample")])
def test_one_direction_of_an_autoregressive_flow_takes_one_pass(name, quick, monkeypatch):
    def one_after_another(*_):
        raise AssertionError

    monkeypatch.setattr("probvae.components.networks.made.MADE.solve", one_after_another)
    p = moved(name, 4).distribution()
    ways = {"log_prob": lambda: p.log_prob(np.zeros((3, 4), np.float32)), "sample": lambda: p.sample(3, seed=SEED)}
    ways.pop(quick)()
    with pytest.raises(AssertionError):
        [slow() for slow in ways.values()]


def test_a_spline_is_the_identity_outside_its_bound():
    prior = perturb(c.Spline(2, 2, (8,), bins=4, bound=2))
    prior.shift.assign(tf.zeros_like(prior.shift))
    prior.log_scale.assign(tf.zeros_like(prior.log_scale))
    x = np.array([[5.0, -7.0], [-2.5, 2.5]], np.float32)
    np.testing.assert_allclose(prior.bijector().forward(x), x, atol=1e-6)


@pytest.mark.parametrize("bins", [2, 64, 500])
def test_a_spline_with_many_bins_is_monotone(bins):
    prior = perturb(c.Spline(2, 1, (8,), bins=bins), 1.0)
    x = np.stack([np.zeros(2000), np.linspace(-5, 5, 2000)], 1).astype(np.float32)
    y = prior.bijector().forward(x).numpy()[:, 1]
    assert np.all(np.diff(y) > 0)


# Mixtures


@dimensions
def test_one_component_is_a_gaussian(D):
    prior = perturb(c.Mixture(D, 1))
    z = np.random.default_rng(1).normal(size=(7, D))
    scale = softplus(f64(prior.raw_scale) + 1e-5) + 1e-4
    expected = normal_log_prob(z, f64(prior.loc), scale).sum(1)
    np.testing.assert_allclose(prior.distribution().log_prob(z.astype(np.float32)), expected, rtol=1e-4)


@dimensions
def test_a_mixture_is_the_weighted_sum_of_its_gaussians(D):
    prior = perturb(c.Mixture(D, 5))
    z = np.random.default_rng(1).normal(size=(7, 1, D))
    scale = softplus(f64(prior.raw_scale) + 1e-5) + 1e-4
    each = normal_log_prob(z, f64(prior.loc), scale).sum(-1)  # [7, K]
    weights = f64(prior.logits) - logsumexp(f64(prior.logits), 0)
    found = prior.distribution().log_prob(z[:, 0].astype(np.float32))
    np.testing.assert_allclose(found, logsumexp(each + weights, 1), rtol=1e-4)


def test_a_mixture_starts_with_equal_weights_and_unit_scales():
    p = c.Mixture(2, 4).distribution()
    np.testing.assert_allclose(p.mixture_distribution.probs_parameter(), np.full(4, 0.25), rtol=1e-6)
    np.testing.assert_allclose(p.components_distribution.stddev(), np.ones((4, 2)), atol=2e-4)


@pytest.mark.parametrize("learned", [True, False])
def test_vamp_is_the_mixture_of_posteriors(learned):
    encoder = c.NetworkEncoder(c.Dense((4,)), c.FullCovarianceNormal(2), (3,))
    prior = c.Vamp(encoder, (3,), pseudo_inputs=4, initial="noise", learned_weights=learned)
    perturb(prior)
    z = np.random.default_rng(1).normal(size=(7, 2)).astype(np.float32)
    each = np.stack([encoder.posterior(u[None]).log_prob(z) for u in prior.pseudo_inputs.numpy()], 1)
    weights = f64(prior.logits) - logsumexp(f64(prior.logits), 0)
    assert (np.ptp(weights) > 0) == learned
    np.testing.assert_allclose(prior.distribution().log_prob(z), logsumexp(f64(each) + weights, 1), rtol=1e-4)


def test_vamp_follows_its_encoder():
    prior = vamp(2)
    before = prior.distribution().log_prob([0.0, 0.0])
    perturb(prior.encoder)
    assert prior.distribution().log_prob([0.0, 0.0]) != before


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("pseudo_inputs", [1, 5, 8, 20])
def test_pseudo_inputs_start_as_examples_distinct_where_possible(pseudo_inputs, dtype):
    examples = np.arange(8 * 3).reshape(8, 3).astype(dtype)
    encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), (3,))
    prior = c.Vamp(encoder, (3,), examples, pseudo_inputs=pseudo_inputs)
    found = prior.pseudo_inputs.numpy()
    assert found.shape == (pseudo_inputs, 3)
    assert {tuple(row) for row in found[:8]} <= {tuple(row) for row in examples.astype(np.float32)}
    assert len({tuple(row) for row in found}) == pseudo_inputs
    away = np.abs(found[:, None] - examples.astype(np.float32)).max(-1).min(-1)  # equal ones would stay equal
    assert np.all(away < 0.6)


def test_which_examples_pseudo_inputs_start_as_is_a_function_of_the_global_seed():
    examples = np.arange(50 * 3).reshape(50, 3).astype(np.float32)

    def started(seed):
        keras.utils.set_random_seed(seed)
        encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), (3,))
        return c.Vamp(encoder, (3,), examples, pseudo_inputs=8).pseudo_inputs.numpy()

    np.testing.assert_array_equal(started(0), started(0))
    assert not np.array_equal(started(0), started(1))


@pytest.mark.parametrize("examples", [None, np.zeros((0, 3), np.float32)], ids=["none", "empty"])
def test_pseudo_inputs_from_data_need_data(examples):
    encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), (3,))
    with pytest.raises(ConfigError, match=r"need examples; got none.*'noise'") as error:
        c.Vamp(encoder, (3,), examples)
    assert error.value.parameter == "initial"


@pytest.mark.parametrize("shape", [(10, 4), (10,), (10, 1), (10, 3, 1)], ids=str)
def test_examples_of_another_shape_are_a_user_error(shape):
    encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), (3,))
    with pytest.raises(ValueError, match="example"):
        c.Vamp(encoder, (3,), np.zeros(shape, np.float32), pseudo_inputs=3)

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
    encoder = c.DenseEncoder((3,), c.DiagonalNormal(D), (4,), "tanh")
    return c.Vamp(encoder, (3,), pseudo_inputs=4, initial="noise", learned_weights=True)


PRIORS = {
    "standard_normal": c.StandardNormal,
    "mixture": lambda D: c.Mixture(D, 3),
    "vamp": vamp,
    "realnvp": lambda D: c.RealNVP(D, 3, (8,)),
    "maf": lambda D: c.MAF(D, 2, (8,)),
    "spline": lambda D: c.Spline(D, 2, (8,), bins=4),
}
FLOWS = ["realnvp", "maf", "spline"]
SEED = [3, 4]

every_prior = pytest.mark.parametrize("name", PRIORS)
dimensions = pytest.mark.parametrize("D", [1, 2, 3, 4])


def moved(name, D):
    """The prior, away from where it starts; much further, and splines are too steep for float32 and a grid."""
    return perturb(PRIORS[name](D), 0.2)


@every_prior
@dimensions
def test_shapes_are_those_of_one_density_over_latents(name, D):
    p = PRIORS[name](D).distribution()
    assert (p.batch_shape, p.event_shape, p.dtype) == ((), (D,), tf.float32)
    assert p.batch_shape_tensor().shape == (0,)
    assert p.event_shape_tensor().numpy().tolist() == [D]
    assert p.sample(seed=SEED).shape == (D,)
    assert p.sample(5, seed=SEED).shape == (5, D)
    z = p.sample((2, 3), seed=SEED)
    assert z.shape == (2, 3, D)
    log_prob = p.log_prob(z)
    assert log_prob.shape == (2, 3)
    np.testing.assert_allclose(log_prob[1], p.log_prob(tf.identity(z[1])), atol=1e-4)
    np.testing.assert_allclose(log_prob[1, 2], p.log_prob(tf.identity(z[1, 2])), atol=1e-4)


@every_prior
@dimensions
def test_every_variable_learns_from_the_density(name, D):
    prior = moved(name, D)
    z = tf.stop_gradient(prior.distribution().sample(50, seed=SEED))
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_sum(prior.distribution().log_prob(z))
    names = {name: v for name, v in named_variables(prior).items() if v.trainable}
    for name, gradient in zip(names, tape.gradient(log_prob, [v.value for v in names.values()]), strict=True):
        assert gradient is not None, name
        assert np.all(np.isfinite(gradient)), name
        assert np.abs(gradient).max() > 0, name


@pytest.mark.parametrize("name", FLOWS)
def test_every_variable_learns_from_the_start(name):
    prior = PRIORS[name](2)
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_sum(prior.distribution().log_prob(tf.random.stateless_normal((50, 2), SEED)))
    names = {name: v for name, v in named_variables(prior).items() if v.trainable}
    for name, gradient in zip(names, tape.gradient(log_prob, [v.value for v in names.values()]), strict=True):
        assert np.abs(gradient).max() > 0, name


@every_prior
@dimensions
def test_the_density_is_finite_far_away(name, D):
    p = moved(name, D).distribution()
    far = np.concatenate([sign * scale * np.eye(D) for sign in (1, -1) for scale in (1e-3, 10, 100)])
    assert np.all(np.isfinite(p.log_prob(far.astype(np.float32))))


@every_prior
@pytest.mark.parametrize("D", [1, 2])
def test_the_density_integrates_to_one(name, D):
    p = moved(name, D).distribution()
    z = f64(p.sample(4000, seed=SEED))
    low, high = z.min(0) - 3 * z.std(0), z.max(0) + 3 * z.std(0)
    axes = [np.linspace(a, b, {1: 20_001, 2: 501}[D]) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, D)
    density = np.exp(f64(p.log_prob(grid.astype(np.float32))))
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    assert density.sum() * cell == pytest.approx(1, abs=3e-3)


@every_prior
@pytest.mark.parametrize("D", [1, 2, 4])
def test_the_sampler_draws_from_the_density(name, D):
    """Expectations under samples against importance-weighted ones; |z| < 5.5 is an error rate of 4e-8 for each."""
    p, count = moved(name, D).distribution(), 20_000
    z = f64(p.sample(count, seed=SEED))
    # A broad proposal: a multivariate Student t with five degrees of freedom around other samples.
    pilot = f64(p.sample(2000, seed=[5, 6]))
    lower = np.linalg.cholesky(1.5 * np.cov(pilot.T).reshape(D, D))
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(count, D)) / np.sqrt(rng.chisquare(5, size=(count, 1)) / 5)
    proposed = pilot.mean(0) + steps @ lower.T
    log_norm = _log_gamma((5 + D) / 2) - _log_gamma(2.5) - D / 2 * np.log(5 * np.pi)
    log_r = log_norm - np.log(np.diag(lower)).sum() - (5 + D) / 2 * np.log1p((steps**2).sum(1) / 5)
    w = np.exp(f64(p.log_prob(proposed.astype(np.float32))) - log_r)
    a, b = rng.normal(size=(D, 5)), rng.normal(size=5)
    tests = {
        "one": lambda z: np.ones(len(z)),
        "near": lambda z: np.exp(-0.5 * ((z - pilot.mean(0)) ** 2).sum(1)),
        **{f"random {i}": lambda z, i=i: np.tanh(z @ a[:, i] + b[i]) for i in range(5)},
    }
    for label, f in tests.items():
        direct, weighted = f(z), w * f(proposed)
        error = np.sqrt((direct.var() + weighted.var()) / count)
        assert abs(direct.mean() - weighted.mean()) < 5.5 * error, label


def _log_gamma(x):
    return float(tf.math.lgamma(tf.constant(x, tf.float64)))


@every_prior
def test_draws_are_functions_of_the_seed(name):
    p = PRIORS[name](2).distribution()
    tf.random.set_seed(1)
    first = p.sample(3, seed=SEED).numpy()
    tf.random.set_seed(2)
    np.testing.assert_array_equal(p.sample(3, seed=SEED), first)
    assert np.all(p.sample(3, seed=[3, 5]).numpy() != first)


@every_prior
def test_a_graph_gives_the_values_of_eager(name):
    prior = moved(name, 3)

    def draw(point):
        p = prior.distribution()
        return p.sample(4, seed=SEED), p.log_prob(point)

    points = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    graph = tf.function(draw, input_signature=[tf.TensorSpec((None, 3))])
    for eager, traced in zip(draw(points), graph(points), strict=True):
        np.testing.assert_allclose(traced, eager, rtol=1e-4, atol=1e-4)


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
@dimensions
def test_a_flow_can_be_inverted(name, D):
    prior = moved(name, D)
    x = np.random.default_rng(0).normal(size=(200, D)).astype(np.float32)
    z = tf.identity(prior.bijector().forward(x))  # a copy, or the bijector's cache would answer
    assert np.abs(z - x).max() > 0.1  # it is not the identity
    back = tf.identity(prior.bijector().inverse(z))
    np.testing.assert_allclose(back, x, atol=2e-3)
    np.testing.assert_allclose(prior.bijector().forward(back), z, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FLOWS)
def test_the_density_of_a_flow_has_the_jacobian_of_autodiff(name):
    prior, D = moved(name, 3), 3
    x = tf.constant(np.random.default_rng(0).normal(size=(20, D)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        z = prior.bijector().forward(x)
        parts = tf.unstack(z, axis=-1)
    jacobian = np.stack([tape.gradient(part, x) for part in parts], axis=1)  # [20, D, D]: rows do not mix
    log_det = np.linalg.slogdet(f64(jacobian))[1]
    np.testing.assert_allclose(prior.bijector().forward_log_det_jacobian(x, 1), log_det, atol=1e-3)
    z = tf.identity(z)
    np.testing.assert_allclose(prior.bijector().inverse_log_det_jacobian(z, 1), -log_det, atol=1e-3)
    expected = normal_log_prob(f64(x), 0.0, 1.0).sum(1) - log_det
    np.testing.assert_allclose(prior.distribution().log_prob(z), expected, atol=3e-3)


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
    encoder = c.DenseEncoder((3,), c.FullCovarianceNormal(2), (4,))
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
    encoder = c.DenseEncoder((3,), c.DiagonalNormal(2), (4,))
    prior = c.Vamp(encoder, (3,), examples, pseudo_inputs=pseudo_inputs)
    found = prior.pseudo_inputs.numpy()
    assert found.shape == (pseudo_inputs, 3)
    assert {tuple(row) for row in found} <= {tuple(row) for row in examples.astype(np.float32)}
    assert len({tuple(row) for row in found}) == min(pseudo_inputs, 8)


@pytest.mark.parametrize("examples", [None, np.zeros((0, 3), np.float32)], ids=["none", "empty"])
def test_pseudo_inputs_from_data_need_data(examples):
    encoder = c.DenseEncoder((3,), c.DiagonalNormal(2), (4,))
    with pytest.raises(ConfigError, match=r"need examples; got none.*'noise'") as error:
        c.Vamp(encoder, (3,), examples)
    assert error.value.parameter == "initial"


@pytest.mark.parametrize("shape", [(10, 4), (10,), (10, 1), (10, 3, 1)], ids=str)
def test_examples_of_another_shape_are_a_user_error(shape):
    encoder = c.DenseEncoder((3,), c.DiagonalNormal(2), (4,))
    with pytest.raises(ValueError, match="example"):
        c.Vamp(encoder, (3,), np.zeros(shape, np.float32), pseudo_inputs=3)

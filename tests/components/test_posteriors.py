"""Posteriors beyond the normal: closed forms, quadrature, and TensorFlow Probability in double precision."""

from math import lgamma

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import REAL, VAE, LogSimplex, exact_kl
from probvae.errors import ConfigError, ShapeError
from probvae.objectives import DReG
from probvae.testing.quadrature import integral
from probvae.testing.spaces import space_of

from .numerics import f64, logsumexp, normal_log_prob, perturb, softplus

tfd = tfp.distributions
RNG = np.random.default_rng(0)
FLOWS = ("iaf", "realnvp", "spline")
SEED = [3, 4]


def raw(*shape, scale=1.0):
    return (scale * RNG.normal(size=shape)).astype(np.float32)


def flow(kind, D=2):
    return perturb(c.FlowPosterior(D, kind, layers=2, hidden=(8,), context=3), 0.3)


HEADS = {
    "diagonal_normal": c.DiagonalNormal,
    "full_covariance_normal": c.FullCovarianceNormal,
    "laplace": c.LaplacePosterior,
    "mixture": lambda D: c.MixturePosterior(D, 3),
    "concrete": c.ConcretePosterior,
    **{kind: lambda D, kind=kind: flow(kind, D) for kind in FLOWS},
    "hierarchical": lambda D: c.HierarchicalPosterior(
        D, c.MixturePosterior(D // 2, 2), c.Dense((4,)), c.LaplacePosterior(D - D // 2)
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_replicas_that_share_a_batch_draw_what_one_device_does(name):
    """A replica draws for as many batches as there are replicas, and keeps its own."""
    head = HEADS[name](2)
    outputs = raw(6, *head.output_shape)
    z, log_q = head.posterior(outputs).experimental_sample_and_log_prob(5, seed=SEED)
    for replica in range(3):
        q = head.posterior(outputs[2 * replica : 2 * replica + 2])
        drawn, log_prob = q.experimental_sample_and_log_prob((5, 3), seed=SEED)
        rows = slice(2 * replica, 2 * replica + 2)
        np.testing.assert_allclose(drawn[:, replica], z[:, rows], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(log_prob[:, replica], log_q[:, rows], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", HEADS)
def test_xla_draws_the_same(name):
    head = HEADS[name](2)
    outputs = raw(3, *head.output_shape)

    def draws():
        return head.posterior(outputs).sample(4, seed=tf.constant(SEED))

    np.testing.assert_allclose(tf.function(draws, jit_compile=True)(), draws(), rtol=1e-3, atol=1e-3)


# Laplace


def test_laplace_is_the_formula_and_its_kl_to_a_laplace_prior_too():
    outputs, z, s = raw(5, 6), raw(7, 5, 3), 0.7
    q, p = c.LaplacePosterior(3).posterior(outputs), c.LaplacePrior(3, scale=s).distribution()
    m, b = f64(outputs[:, :3]), softplus(f64(outputs[:, 3:]) + 1e-5) + 1e-4
    expected = (-np.abs(f64(z) - m) / b - np.log(2 * b)).sum(-1)
    np.testing.assert_allclose(q.log_prob(z), expected, rtol=1e-4)
    np.testing.assert_allclose(p.log_prob(z), (-np.abs(f64(z)) / s - np.log(2 * s)).sum(-1), rtol=1e-4)
    kl = (np.log(s / b) + (np.abs(m) + b * np.exp(-np.abs(m) / b)) / s - 1).sum(-1)
    np.testing.assert_allclose(exact_kl(q, p), kl, rtol=1e-4)
    # The formula itself, by quadrature of the first latent of the first row.
    x = np.linspace(-60, 60, 400_001)
    density = np.exp(-np.abs(x - m[0, 0]) / b[0, 0]) / (2 * b[0, 0])
    ratio = -np.abs(x - m[0, 0]) / b[0, 0] - np.log(2 * b[0, 0]) + np.abs(x) / s + np.log(2 * s)
    first = np.log(s / b[0, 0]) + (np.abs(m[0, 0]) + b[0, 0] * np.exp(-np.abs(m[0, 0]) / b[0, 0])) / s - 1
    assert np.trapezoid(density * ratio, x) == pytest.approx(first, abs=1e-5)


def test_laplace_draws_have_its_quantiles():
    draws = np.sort(
        f64(c.LaplacePosterior(1).posterior(tf.constant([[0.0, 0.5413]])).sample(20_000, SEED)).ravel()
    )
    share = np.array([0.01, 0.1, 0.5, 0.9, 0.99])
    exact = -np.sign(share - 0.5) * np.log(1 - 2 * np.abs(share - 0.5))  # with the scale 1
    below = np.searchsorted(draws, exact) / len(draws)
    np.testing.assert_allclose(below, share, atol=5 * 0.5 / np.sqrt(len(draws)))


# Flows


@pytest.mark.parametrize("kind", FLOWS)
def test_the_density_of_a_flow_integrates_to_one_and_its_means_are_those_of_its_samples(kind):
    head = flow(kind)
    q = head.posterior(raw(1, *head.output_shape))
    samples = f64(q.sample(40_000, seed=SEED))[:, 0]
    space, pilot = space_of(REAL, (2,)), samples[:2000]

    def integrated(function):
        def values(cube):
            points, volume = space.from_cube(cube, pilot)
            log_q = f64(q.log_prob(points[:, None].astype(np.float32)))[:, 0]
            return function(points) * np.exp(log_q) * volume

        return integral(values, space.to_cube(pilot, pilot))[0]

    assert integrated(lambda z: 1.0) == pytest.approx(1, abs=1e-3)
    for function in (lambda z: np.sin(z[:, 0]), lambda z: np.tanh(z[:, 1]), lambda z: np.cos(z.sum(-1))):
        found = function(samples)
        assert abs(found.mean() - integrated(function)) < 6 * found.std() / 200 + 1e-3


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_has_the_log_determinant_of_automatic_differentiation(kind):
    head = flow(kind, 3)
    outputs = raw(4, *head.output_shape)
    q = head.posterior(outputs)
    u = tf.constant(raw(4, 3))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(u)
        z = q.bijector.forward(u)
    log_det = np.linalg.slogdet(f64(tape.batch_jacobian(z, u, experimental_use_pfor=False)))[1]
    expected = normal_log_prob(f64(u), 0.0, 1.0).sum(-1) - log_det
    np.testing.assert_allclose(q.log_prob(tf.identity(z)), expected, rtol=1e-3, atol=1e-3)
    drawn, log_q = q.experimental_sample_and_log_prob(6, seed=SEED)
    np.testing.assert_allclose(q.log_prob(tf.identity(drawn)), log_q, rtol=3e-2, atol=3e-2)  # steep splines round


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_starts_near_the_diagonal_normal_of_its_outputs(kind):
    head = c.FlowPosterior(3, kind)
    outputs, z = raw(5, *head.output_shape), raw(7, 5, 3)
    scale = softplus(f64(outputs[:, 3:6]) + 1e-5) + 1e-4
    expected = normal_log_prob(f64(z), f64(outputs[:, :3]), scale).sum(-1)
    found = f64(head.posterior(outputs).log_prob(z))
    assert np.mean(np.abs(found - expected) / (1 + np.abs(expected))) < 0.1


# Mixtures


def parts(outputs, K):
    """The means and scales [..., K, D] in float64."""
    each = f64(outputs).reshape(*outputs.shape[:-1], K, -1)
    loc, wide = np.split(each, 2, axis=-1)
    return loc, softplus(wide + 1e-5) + 1e-4


def mixture_log_prob(z, loc, scale):
    """Of z [..., D], with means and scales [K, D]."""
    return logsumexp(normal_log_prob(z[..., None, :], loc, scale).sum(-1), -1) - np.log(len(loc))


def test_a_mixture_is_the_mean_of_its_normals():
    head = c.MixturePosterior(2, 3)
    outputs, z = raw(4, 12), raw(5, 4, 2)
    q, (loc, scale) = head.posterior(outputs), parts(outputs, 3)
    for row in range(4):
        expected = mixture_log_prob(f64(z[:, row]), loc[row], scale[row])
        np.testing.assert_allclose(q.log_prob(z)[:, row], expected, rtol=1e-4)
    np.testing.assert_allclose(q.mean(), loc.mean(1), rtol=1e-5, atol=1e-6)


def test_any_k_samples_of_a_mixture_take_each_component_once_and_each_sample_any_of_them():
    K, rows = 5, 4000
    outputs = np.tile(np.concatenate([np.arange(K)[:, None], np.full((K, 1), -20.0)], 1).ravel(), (rows, 1))
    q = c.MixturePosterior(1, K).posterior(outputs.astype(np.float32))  # at 0, 1, 2, 3, 4, and very narrow
    drawn = np.round(f64(q.sample(8, seed=SEED))[..., 0]).astype(int)  # [8, rows]
    for start in range(4):
        np.testing.assert_array_equal(
            np.sort(drawn[start : start + K], axis=0), np.tile(np.arange(K)[:, None], rows)
        )
    alone = np.round(f64(q.sample(seed=SEED))[:, 0]).astype(int)
    for one in (alone, drawn[0], drawn[7]):
        shares = np.bincount(one, minlength=K) / rows
        np.testing.assert_allclose(shares, 1 / K, atol=5 * np.sqrt(0.16 / rows))


def test_the_bound_of_a_mixture_and_its_gradient_are_unbiased_and_vary_less_than_with_independent_samples():
    """E_q[log N(z; 0.5, 1) - log q(z)] in one dimension, by quadrature in double precision."""
    K, rows = 3, 40_000
    outputs = np.array([-1.5, 0.3, 0.2, -0.8, 2.0, 0.1], np.float32)
    x = np.linspace(-30, 30, 60_001)[:, None]

    def exact(outputs):
        log_q = mixture_log_prob(x, *parts(outputs, K))
        return np.trapezoid(np.exp(log_q) * (normal_log_prob(x[:, 0], 0.5, 1.0) - log_q), x[:, 0])

    step = 1e-4 * np.eye(6)
    slopes = np.array([exact(outputs + s) - exact(outputs - s) for s in step.astype(np.float64)]) / 2e-4
    tiled = tf.constant(np.tile(outputs, (rows, 1)))
    with tf.GradientTape() as tape:
        tape.watch(tiled)
        q = c.MixturePosterior(1, K).posterior(tiled)
        z, log_q = q.experimental_sample_and_log_prob(K, seed=SEED)
        bound = tf.reduce_mean(tfd.Normal(0.5, 1.0).log_prob(z[..., 0]) - log_q, axis=0)  # [rows]
    gradient = f64(tape.gradient(bound, tiled))  # [rows, 6]
    for found, expected in ((f64(bound)[:, None], exact(outputs)), (gradient, slopes)):
        error = found.std(0) / np.sqrt(rows)
        np.testing.assert_array_less(np.abs(found.mean(0) - expected), 5 * error + 1e-4)
    again = f64(q.sample(K, seed=[5, 6]))[..., 0]  # the same for each row in another order: independent rows
    shuffled = np.stack([np.roll(one, 7 * s) for s, one in enumerate(again)])
    ratio = normal_log_prob(shuffled, 0.5, 1.0) - mixture_log_prob(shuffled[..., None], *parts(outputs, K))
    assert f64(bound).var() < 0.9 * ratio.mean(0).var()


def model(posterior, prior):
    encoder = c.NetworkEncoder(c.Dense((4,)), posterior, (3,))
    decoder = c.NetworkDecoder(c.Dense((4,)), c.Normal((3,)), latent_dim=4)
    return VAE(encoder, decoder, prior)


def test_doubly_reparameterized_gradients_are_biased_unless_samples_are_independent():
    """Of log (w_1 + w_2) / 2 by the mean of the first of two components, by quadrature of two samples."""
    x = np.linspace(-12, 12, 2001)
    cell = (x[1] - x[0]) ** 2

    def normal(loc, scale):
        return np.exp(normal_log_prob(x, loc, scale))

    def bound(loc, even):
        one, other = normal(loc, 0.7), normal(1.5, 0.7)
        q = (one + other) / 2
        w = normal(0.4, 1.1) / q
        densities = (one[:, None], other) if even else (q[:, None], q)
        slope = np.gradient(np.log(w), x)
        share = w[:, None] / (w[:, None] + w)
        doubly = share**2 * slope[:, None] * one[:, None] * (other if even else q) * cell
        return (np.log((w[:, None] + w) / 2) * densities[0] * densities[1]).sum() * cell, doubly.sum()

    exact = {even: (bound(-1 + 1e-4, even)[0] - bound(-1 - 1e-4, even)[0]) / 2e-4 for even in (True, False)}
    assert bound(-1.0, even=False)[1] == pytest.approx(exact[False], rel=1e-3)
    assert bound(-1.0, even=True)[1] > 1.03 * exact[True]


def test_dreg_refuses_a_mixture_whose_samples_depend_on_each_other():
    in_blocks = c.HierarchicalPosterior(4, c.MixturePosterior(2), c.Dense((4,)), c.DiagonalNormal(2))
    for head, name in ((c.MixturePosterior(4), "StratifiedMixture"), (in_blocks, "Hierarchy")):
        with pytest.raises(ConfigError, match=f"expected a posterior with independent samples.*got {name} from"):
            DReG().check(model(head, c.StandardNormal(4)))
    DReG().check(model(c.FlowPosterior(4, layers=1, hidden=(4,)), c.StandardNormal(4)))


# Concrete

TEMPERATURES = [0.1, 0.5, 1.0]


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_concrete_density_is_that_of_tfp_in_double_precision(temperature):
    head = c.ConcretePosterior(6, groups=2, temperature=temperature)
    logits = raw(5, 6, scale=3.0)
    q = head.posterior(logits)
    z, log_q = q.experimental_sample_and_log_prob(50, seed=SEED)  # [50, 5, 6]
    points = f64(z).reshape(50, 5, 2, 3)
    exact = tfd.ExpRelaxedOneHotCategorical(np.float64(temperature), logits=f64(logits).reshape(5, 2, 3))
    points -= logsumexp(points, -1)[..., None]
    expected = f64(exact.log_prob(points)).sum(-1)
    np.testing.assert_allclose(log_q, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(q.log_prob(tf.identity(z)), expected, rtol=1e-4, atol=1e-3)
    if temperature == 1.0:  # the density of exp(z), whose volume is smaller by the product of all exp(z_k)
        relaxed = tfd.RelaxedOneHotCategorical(np.float64(1.0), logits=f64(logits).reshape(5, 2, 3))
        other = f64(relaxed.log_prob(np.exp(points))) + points.sum(-1)
        np.testing.assert_allclose(other.sum(-1), expected, rtol=1e-6)


def test_the_largest_element_of_a_concrete_draw_is_a_draw_of_the_categories():
    logits = np.array([[0.0, 1.0, -1.0, 2.0]], np.float32)
    z = f64(c.ConcretePosterior(4).posterior(logits).sample(40_000, seed=SEED))[:, 0]
    shares = np.bincount(z.argmax(-1), minlength=4) / len(z)
    expected = np.exp(logits[0]) / np.exp(logits[0]).sum()
    np.testing.assert_allclose(shares, expected, atol=5 * 0.5 / np.sqrt(len(z)))


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("size", [1.0, 12.0])
def test_the_estimated_kl_of_concrete_latents_is_that_of_double_precision(temperature, size):
    """Also where q is nearly certain, and exp(z) of most elements is 0 in single precision."""
    logits = size * np.array([[1.0, 0.0, -1.0], [0.5, -1.0, 0.0]])
    q = c.ConcretePosterior(6, groups=2, temperature=temperature).posterior(
        logits.reshape(1, 6).astype(np.float32)
    )
    p = c.ConcretePrior(6, groups=2, temperature=0.7).distribution()
    assert exact_kl(q, p) is None
    z, log_q = q.experimental_sample_and_log_prob(40_000, seed=SEED)
    found = f64(log_q - p.log_prob(z))[:, 0]
    assert np.all(np.isfinite(found))
    g = np.random.default_rng(1).gumbel(size=(400_000, 2, 3))
    y = (logits + g) / temperature
    y -= logsumexp(y, -1)[..., None]

    def log_density(logits, temperature):
        a = logits - temperature * y
        return (a - logsumexp(a, -1)[..., None]).sum((1, 2)) + 2 * (lgamma(3) + 2 * np.log(temperature))

    right = log_density(logits, temperature) - log_density(np.zeros((2, 3)), 0.7)
    error = np.hypot(found.std() / 200, right.std() / np.sqrt(400_000))
    assert abs(found.mean() - right.mean()) < 5 * error + 1e-3


def test_the_decoder_gets_relaxed_one_hot_vectors():
    vae = model(c.ConcretePosterior(4, groups=2, temperature=0.1), c.ConcretePrior(4, groups=2))
    x = raw(5, 3)
    z = vae.posterior(x).sample(seed=SEED)
    shares = np.exp(f64(z))
    np.testing.assert_allclose(shares.reshape(5, 2, 2).sum(-1), 1, rtol=1e-5)
    expected = vae.decoder.likelihood(tf.constant(shares, tf.float32)).mean()
    np.testing.assert_allclose(vae.likelihood(z).mean(), expected, rtol=1e-5)
    np.testing.assert_allclose(
        vae.log_joint(x, z), vae.log_likelihood(x, z) + vae.prior.distribution().log_prob(z), rtol=1e-5
    )


def test_latents_that_make_no_groups_are_refused_and_so_are_other_priors():
    for build in (c.ConcretePosterior, c.ConcretePrior):
        for latent_dim, groups in ((1, 1), (5, 2), (4, 4)):
            with pytest.raises(ConfigError, match=f"got latent_dim = {latent_dim} and groups = {groups}") as error:
                build(latent_dim, groups)
            assert error.value.parameter == "groups"
    assert LogSimplex.of(2) not in REAL
    with pytest.raises(ShapeError, match=r"of 2 categories and ConcretePrior on .* of 4 categories"):
        model(c.ConcretePosterior(4, groups=2), c.ConcretePrior(4))
    with pytest.raises(ShapeError, match="of 4 categories and StandardNormal on all numbers"):
        model(c.ConcretePosterior(4), c.StandardNormal(4))

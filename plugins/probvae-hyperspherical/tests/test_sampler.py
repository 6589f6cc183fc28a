"""Samples and their derivatives, against quadrature."""

import numpy as np
import pytest
import tensorflow as tf

from probvae_hyperspherical.angle import Angle
from probvae_hyperspherical.distributions import SphericalUniform, VonMisesFisher

from . import references

SEED = [3, 4]
KAPPAS = [0.0, 0.1, 2.0, 50.0, 1e4]
every_dimension = pytest.mark.parametrize("D", [2, 3, 4, 5, 10, 50])
LEVELS = np.concatenate([[1e-6, 1e-3], np.linspace(0.01, 0.99, 25), [1 - 1e-3, 1 - 1e-6]])


def levels(count):
    """All levels, for a number of concentrations."""
    return tf.constant(np.repeat(LEVELS[:, None], count, axis=1))


@every_dimension
def test_quantiles_are_where_the_density_adds_up_to_the_level(D):
    place = Angle(np.array(KAPPAS), D).quantiles(levels(len(KAPPAS)))
    theta = np.arctan2(place.sine, 1 - place.versine)
    for column, kappa in enumerate(KAPPAS):
        nodes, weights = references.gauss_legendre(300, 0.0, theta[:, column])
        mass = (weights * references.density(nodes, kappa, D)).sum(-1)
        np.testing.assert_allclose(mass, LEVELS, rtol=1e-7)


@every_dimension
def test_quantiles_have_the_slopes_of_finite_differences(D):
    """For one level they are a smooth function of κ: what is differentiated is what is drawn, sample by sample."""
    kappa = np.array([0.1, 2.0, 50.0, 1e4])
    repeated = tf.constant(np.tile(kappa, len(LEVELS)))
    flat = tf.reshape(levels(len(kappa)), (1, -1))
    step = 1e-4 * repeated
    with tf.GradientTape() as tape:
        tape.watch(repeated)
        versine = Angle(repeated, D).quantiles(flat).versine
    up, down = (Angle(repeated + sign * step, D).quantiles(flat).versine for sign in (1, -1))
    np.testing.assert_allclose(tape.gradient(versine, repeated), (up - down)[0] / (2 * step), 1e-4, 1e-10)


def test_in_three_dimensions_quantiles_are_in_closed_form():
    """F(θ) = (1 - exp(-κ (1 - cos θ))) / (1 - exp(-2κ))."""
    kappa = tf.constant(np.tile([0.1, 2.0, 50.0, 1e4], len(LEVELS)))
    flat = tf.reshape(levels(4), (1, -1))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(kappa)
        found = Angle(kappa, 3).quantiles(flat).versine
        closed = -tf.math.log1p(flat * tf.math.expm1(-2 * kappa)) / kappa
    np.testing.assert_allclose(found, closed, rtol=1e-7)
    np.testing.assert_allclose(tape.gradient(found, kappa), tape.gradient(closed, kappa), rtol=1e-5)


@every_dimension
def test_samples_have_the_moments_of_the_density(D):
    mode, count = np.eye(D, dtype=np.float32)[0], 20_000
    samples = VonMisesFisher(mode, KAPPAS).sample(count, seed=SEED).numpy().astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(samples, axis=-1), 1, atol=1e-6)
    for z, kappa in zip(samples.swapaxes(0, 1), KAPPAS, strict=True):
        versine = np.square(z - mode).sum(-1) / 2
        mean, variance = references.versine(kappa, D), references.variance(kappa, D)
        for power, expected in [(1, mean), (2, variance + mean**2)]:
            error = (versine**power).std() / np.sqrt(count)
            assert abs((versine**power).mean() - expected) < 4.5 * error
        # Across the mode every direction is as likely as any other.
        across = z[:, 1:] / np.linalg.norm(z[:, 1:], axis=-1, keepdims=True)
        np.testing.assert_array_less(np.abs(across.mean(0)), 4.5 / np.sqrt((D - 1) * count))
        second = across.T @ across / count
        np.testing.assert_allclose(second, np.eye(D - 1) / (D - 1), atol=0.04 / (D - 1) ** 0.5)


FUNCTIONS = [
    (lambda s: s, lambda s: s),
    (np.square, tf.square),
    (np.exp, tf.exp),
    (lambda s: np.sin(4 * s + 1), lambda s: tf.sin(4 * s + 1)),
    (lambda s: np.tanh(5 * (s - 0.3)), lambda s: tf.tanh(5 * (s - 0.3))),
]


@pytest.mark.parametrize("samples", [40, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("D", [2, 3, 5, 10])
@pytest.mark.parametrize("kappa", [0.7, 6.0, 90.0])
def test_gradients_of_expectations_are_unbiased(D, kappa, samples):
    """d/dκ and d/dμ of E[f(aᵀz)] against finite differences of quadrature, with a at an angle of 1 to μ."""
    shape, alpha = (len(FUNCTIONS), 150), 1.0
    concentration, turned = tf.fill(shape, kappa), tf.zeros(shape)
    with tf.GradientTape() as tape:
        tape.watch([concentration, turned])
        mode = tf.stack([tf.cos(turned), tf.sin(turned), *[tf.zeros(shape)] * (D - 2)], axis=-1)
        z = VonMisesFisher(mode, concentration).sample(samples, seed=SEED)
        s = np.cos(alpha) * z[..., 0] + np.sin(alpha) * z[..., 1]  # [samples, functions, replicas]
        means = [tf.reduce_mean(f(s[:, row]), axis=0) for row, (_, f) in enumerate(FUNCTIONS)]
    to_kappa, to_mode = (np.asarray(g, np.float64) for g in tape.gradient(means, [concentration, turned]))
    h = 1e-4
    for row, (f, _) in enumerate(FUNCTIONS):

        def mean(kappa, alpha, f=f):
            return references.expectation(f, kappa, D, alpha)

        slope = (mean(kappa + h, alpha) - mean(kappa - h, alpha)) / (2 * h)
        turn = (mean(kappa, alpha - h) - mean(kappa, alpha + h)) / (2 * h)
        for found, expected in [(to_kappa[row], slope), (to_mode[row], turn)]:
            error = found.std(ddof=1) / np.sqrt(len(found))
            assert abs(found.mean() - expected) < 4.5 * error + 1e-6


@pytest.mark.parametrize("D", [2, 3, 7])
def test_a_turned_mode_turns_its_samples(D):
    """dz = dμ (μᵀz) - μ (dμᵀz), in the plane of μ and dμ and nowhere else."""
    rng = np.random.default_rng(0)
    mode = rng.normal(size=(5, D))
    mode = tf.constant(mode / np.linalg.norm(mode, axis=-1, keepdims=True), tf.float32)
    cotangent = tf.constant(rng.normal(size=(5, D)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(mode)
        z = VonMisesFisher(tf.math.l2_normalize(mode, axis=-1), 2.0).sample(seed=SEED)
    found = tape.gradient(z, mode, cotangent)

    def dot(a, b):
        return tf.reduce_sum(a * b, axis=-1, keepdims=True)

    expected = dot(mode, z) * cotangent - dot(mode, cotangent) * z  # the transpose of the map dμ -> dz
    expected -= dot(expected, mode) * mode
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_density_of_a_sample_does_not_depend_on_the_mode():
    mode = tf.constant([[0.6, 0.8, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(mode)
        _, log_prob = VonMisesFisher(mode, [3.0]).experimental_sample_and_log_prob(50, seed=SEED)
    assert tape.gradient(log_prob, mode, unconnected_gradients="zero").numpy().tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    "compiled", [pytest.param(False, id="graph"), pytest.param(True, id="xla", marks=pytest.mark.slow)]
)
def test_in_a_graph_shapes_are_known_and_densities_the_same(compiled):
    shapes = []

    def draw(mode, kappa, seed):
        q = VonMisesFisher(mode, kappa)
        z, log_prob = q.experimental_sample_and_log_prob((5,), seed=seed)
        shapes.append([t.shape.as_list() for t in (z, log_prob, q.sample(5, seed=seed), q.log_prob(z), q.mean())])
        return z, log_prob, q.kl_divergence(SphericalUniform(4))

    specs = [tf.TensorSpec((None, 4)), tf.TensorSpec((None,)), tf.TensorSpec((2,), tf.int32)]
    arguments = np.eye(4, dtype=np.float32)[:3], np.array([0.1, 5.0, 1e4], np.float32), SEED
    z, log_prob, kl = tf.function(draw, input_signature=specs, jit_compile=compiled)(*arguments)
    assert shapes == [[[5, None, 4], [5, None], [5, None, 4], [5, None], [None, 4]]]
    q = VonMisesFisher(*arguments[:2])
    np.testing.assert_allclose(log_prob, q.log_prob(z), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(kl, q.kl_divergence(SphericalUniform(4)), rtol=1e-6)
    if not compiled:  # XLA has a random generator of its own
        np.testing.assert_allclose(z, q.sample(5, seed=SEED), atol=1e-6)

"""Bijectors against TensorFlow Probability's, float64 and automatic differentiation."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.components.bijectors.autoregressive import Autoregressive
from probvae.components.bijectors.coupling import AffineCoupling, SplineCoupling
from probvae.components.bijectors.spline import RationalQuadraticSpline
from probvae.components.bijectors.triangular import Affine, Chain, Reverse, Transformed
from probvae.components.networks.made import MADE
from probvae.components.scales import bounded

from .numerics import f64, perturb

BOUND = 4.0
BINS = [2, 5, 8, 64]


def parameters(bins, seed=0, scale=1.5, elements=6):
    """Widths, heights [elements, K] and inner slopes [elements, K - 1], as the spline prior makes them."""
    rng = np.random.default_rng([seed, bins])

    def sizes():
        raw = np.exp(scale * rng.normal(size=(elements, bins)))
        return 2 * BOUND * (1e-3 + (1 - 1e-3 * bins) * raw / raw.sum(-1, keepdims=True))

    slopes = 1e-3 + np.logaddexp(0, scale * rng.normal(size=(elements, bins - 1)) + 0.5413)
    return [part.astype(np.float32) for part in (sizes(), sizes(), slopes)]


def spline(*arrays):
    return RationalQuadraticSpline(*map(tf.constant, arrays), BOUND)


def of_tfp(*arrays, dtype=np.float64):
    widths, heights, slopes = (array.astype(dtype) for array in arrays)
    return tfp.bijectors.RationalQuadraticSpline(widths, heights, slopes, range_min=dtype(-BOUND))


def around_knots(sizes, reach=3):
    """Each knot [elements, K + 1], and the float32 numbers next to it on both sides: [2 reach + 1, ...]."""
    inner = np.cumsum(sizes, axis=-1, dtype=np.float32)[:, :-1] - np.float32(BOUND)
    end = np.full_like(sizes[:, :1], BOUND)
    knots = np.concatenate([-end, inner, end], axis=-1)
    below, above = [knots], [knots]
    for _ in range(reach):
        below.append(np.nextafter(below[-1], np.float32(-np.inf)))
        above.append(np.nextafter(above[-1], np.float32(np.inf)))
    return np.stack([*below[:0:-1], *above])


@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("method", ["forward", "inverse", "forward_log_det_jacobian", "inverse_log_det_jacobian"])
def test_a_spline_is_that_of_tfp(bins, method):
    """As near to TFP's in double precision as TFP's in single precision is, where that is finite."""
    arrays = parameters(bins)
    exact = of_tfp(*arrays)
    x = np.random.default_rng(0).uniform(-5, 5, (500, 6)).astype(np.float32)
    at = x if method.startswith("forward") else f64(exact.forward(f64(x))).astype(np.float32)
    more = {"event_ndims": 0} if "log_det" in method else {}

    def error(bijector):
        difference = f64(getattr(bijector, method)(tf.constant(at), **more)) - expected
        return np.abs(difference[np.isfinite(expected)])

    expected = f64(getattr(exact, method)(tf.constant(f64(at)), **more))
    ours, theirs = error(spline(*arrays)), error(of_tfp(*arrays, dtype=np.float32))
    assert np.mean(ours) < 1.25 * np.nanmean(theirs) + 1e-7
    assert np.max(ours) < 1.5 * np.nanmax(theirs) + 1e-5
    assert np.mean(ours) < 1e-3


def test_the_inverse_is_finite_where_a_discriminant_of_coefficients_rounds_below_zero():
    """23 ordinary parameters, the largest of them 3.06, at one point just below a knot."""
    raw = [
        0.806621373, -3.05463934, -1.07768321, 1.74733853, -0.593139589, 1.98431015, 0.0171307623, 1.30671358,
        -2.93285441, 1.35199463, -0.126957044, -2.46518922, -1.05998456, -1.98261547, -1.79883385, -2.05882311,
        0.507231236, -3.00355577, 0.912811697, 1.87033033, 1.93568254, -1.67189157, -0.760658026,
    ]  # fmt: skip
    y = tf.constant([1.5086673498153687])
    bijector = SplineCoupling(2, 0, (), bins=8, bound=4.0).elementwise(tf.constant([raw]))
    with tf.GradientTape() as tape:
        tape.watch(y)
        x = bijector.inverse(y)
    assert float(x[0]) == pytest.approx(-3.1156, abs=1e-4)
    log_det = float(bijector.inverse_log_det_jacobian(y, 0)[0])
    assert np.log(float(tape.gradient(x, y)[0])) == pytest.approx(log_det, abs=1e-3)


def test_a_spline_takes_draws_of_draws_of_rows_of_several_axes():
    """As in the posterior of a lower block; TensorFlow's softmax takes five axes at most on a CPU."""
    coupling, x = SplineCoupling(2, 0, (), bins=8, bound=4.0), np.linspace(-2, 2, 32, dtype=np.float32)
    flat = coupling.forward(tf.constant(x.reshape(16, 2)))
    np.testing.assert_allclose(
        f64(coupling.forward(tf.constant(x.reshape(2, 2, 2, 2, 2)))).ravel(), f64(flat).ravel()
    )


@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_everything_is_finite_at_and_around_knots_and_gradients_too(bins, scale):
    for seed in range(5):
        arrays = parameters(bins, seed, scale)
        for sizes, direction in zip(arrays[:2], ("forward", "inverse"), strict=True):
            at = tf.constant(around_knots(sizes).transpose(0, 2, 1))  # [7, K + 1, elements]
            variables = [tf.Variable(array) for array in arrays]
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(at)
                bijector = RationalQuadraticSpline(*variables, BOUND)
                value = getattr(bijector, direction)(at)
                log_det = getattr(bijector, f"{direction}_log_det_jacobian")(at, 0)
            for result in (value, log_det):
                assert np.all(np.isfinite(result))
                for gradient in tape.gradient(result, [at, *variables]):
                    assert np.all(np.isfinite(gradient))
            assert np.all(np.diff(f64(value).transpose(1, 0, 2), axis=1) >= -1e-6)  # monotone across each knot


@pytest.mark.parametrize("bins", BINS)
def test_a_spline_is_undone_by_its_inverse(bins):
    ours = spline(*parameters(bins))
    x = tf.constant(np.random.default_rng(1).uniform(-5, 5, (2000, 6)), tf.float32)
    y = ours.forward(x)
    steep = np.exp(np.abs(f64(ours.forward_log_det_jacobian(x, 0))))
    assert np.all(np.abs(f64(ours.inverse(tf.identity(y))) - f64(x)) <= 4e-6 * (1 + steep))
    assert np.all(
        np.abs(f64(ours.forward(tf.identity(ours.inverse(tf.identity(x))))) - f64(x)) <= 4e-6 * (1 + steep.max())
    )


@pytest.mark.parametrize("bins", BINS)
def test_log_dets_are_those_of_automatic_differentiation(bins):
    ours = spline(*parameters(bins))
    x = tf.constant(np.random.default_rng(2).uniform(-4.5, 4.5, (500, 6)), tf.float32)
    for direction in ("forward", "inverse"):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = getattr(ours, direction)(x)
        slope = f64(tape.gradient(y, x))
        found = f64(getattr(ours, f"{direction}_log_det_jacobian")(x, 0))
        np.testing.assert_allclose(found, np.log(slope), atol=2e-3, err_msg=direction)


def test_gradients_to_the_parameters_are_finite_differences():
    arrays = [array.astype(np.float64) for array in parameters(4, elements=2)]
    y = np.random.default_rng(3).uniform(-3.5, 3.5, (20, 2))
    weight = np.random.default_rng(4).normal(size=y.shape)
    variables = [tf.Variable(array, dtype=tf.float32) for array in arrays]
    with tf.GradientTape() as tape:
        bijector = RationalQuadraticSpline(*variables, BOUND)
        at = tf.constant(y, tf.float32)
        total = tf.reduce_sum(
            weight.astype(np.float32) * (bijector.inverse(at) + bijector.inverse_log_det_jacobian(at, 0))
        )
    gradients = tape.gradient(total, variables)

    def value(changed):  # by TFP in double precision
        theirs = of_tfp(*changed)
        return float(np.sum(weight * (f64(theirs.inverse(y)) + f64(theirs.inverse_log_det_jacobian(y, 0)))))

    rng = np.random.default_rng(5)
    for _ in range(4):
        directions = [rng.normal(size=array.shape) for array in arrays]
        for sizes in directions[:2]:
            sizes[...] -= sizes.mean(-1, keepdims=True)  # widths and heights keep their sums
        ends = [
            value([array + sign * 1e-6 * way for array, way in zip(arrays, directions, strict=True)])
            for sign in (1, -1)
        ]
        found = sum(float(np.sum(f64(g) * way)) for g, way in zip(gradients, directions, strict=True))
        assert found == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=2e-3, abs=2e-2)


def test_a_spline_prior_has_a_density_at_its_own_samples():
    p = perturb(c.Spline(2), 0.5).distribution()
    assert np.all(np.isfinite(p.log_prob(tf.identity(p.sample(3000, seed=[1, 2])))))


# Couplings, autoregressive maps, chains and what they make of a distribution


def affine_of_tfp(parameters):
    shift, log_scale = tf.unstack(parameters, axis=-1)
    return tfp.bijectors.Shift(shift)(tfp.bijectors.Scale(log_scale=bounded(log_scale)))


def couplings(D):
    """Two couplings, ours and TFP's with the same networks: one reads the first half, one the last."""
    ours = [perturb(AffineCoupling(D, position, (5,)), 0.5) for position in (0, 1)]

    def of_tfp(masked, coupling):
        def bijector(read, _):
            return affine_of_tfp(coupling.network.outputs(read if masked else tf.ones((*read.shape[:-1], 1))))

        return tfp.bijectors.RealNVP(masked, bijector_fn=bijector)

    half = D // 2
    masks = (half, half - D) if D > 1 else (0, 0)
    return Chain(ours), tfp.bijectors.Chain([of_tfp(*both) for both in zip(masks, ours, strict=True)])


def autoregressive(D):
    """Two autoregressive maps with a reversal between them, ours and TFP's with the same networks."""
    networks = [perturb(MADE(D, 2, (5, 6)), 0.5) for _ in range(2)]

    def of_tfp(network):
        def shift_and_log_scale(y):
            shift, log_scale = tf.unstack(network.parameters(y), axis=-1)
            return shift, bounded(log_scale)

        return tfp.bijectors.MaskedAutoregressiveFlow(shift_and_log_scale)

    first, second = map(Autoregressive, networks)
    turn = tfp.bijectors.Permute(np.arange(D)[::-1])
    return Chain([first, Reverse(), second]), tfp.bijectors.Chain([of_tfp(networks[0]), turn, of_tfp(networks[1])])


def affine(D):
    shift, log_scale = np.random.default_rng(6).normal(size=(2, D)).astype(np.float32)
    return Affine(shift, log_scale), tfp.bijectors.Shift(shift)(tfp.bijectors.Scale(log_scale=log_scale))


every_pair = pytest.mark.parametrize("pair", [affine, couplings, autoregressive])


@every_pair
@pytest.mark.parametrize("D", [1, 2, 5])
def test_a_bijector_is_that_of_tfp(pair, D):
    ours, theirs = pair(D)
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 7, D)), tf.float32)
    for method in ("forward", "inverse"):
        np.testing.assert_allclose(getattr(ours, method)(x), getattr(theirs, method)(x), rtol=1e-5, atol=1e-5)
        name = f"{method}_log_det_jacobian"
        expected = np.broadcast_to(getattr(theirs, name)(x, event_ndims=1), (2, 7))
        np.testing.assert_allclose(getattr(ours, name)(x), expected, rtol=1e-5, atol=1e-5)


@every_pair
@pytest.mark.parametrize("batch", [(), (3,)])
def test_a_transformed_distribution_is_that_of_tfp(pair, batch):
    ours, theirs = pair(4)
    loc = np.random.default_rng(1).normal(size=(*batch, 4)).astype(np.float32)
    base = tfp.distributions.MultivariateNormalDiag(loc, np.full_like(loc, 0.5))
    p, expected = Transformed(base, ours), tfp.distributions.TransformedDistribution(base, theirs)
    assert (p.batch_shape, p.event_shape) == (expected.batch_shape, expected.event_shape)
    samples = p.sample((2, 5), seed=[1, 2])
    np.testing.assert_allclose(samples, expected.sample((2, 5), seed=[1, 2]), rtol=1e-5, atol=1e-5)
    log_prob = expected.log_prob(tf.identity(samples))
    np.testing.assert_allclose(p.log_prob(samples), log_prob, rtol=1e-4, atol=1e-4)
    same, with_log_prob = p.experimental_sample_and_log_prob((2, 5), seed=[1, 2])
    np.testing.assert_allclose(same, samples, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(with_log_prob, log_prob, rtol=1e-4, atol=1e-4)


def test_a_network_is_evaluated_once_for_a_value_and_its_log_determinant(monkeypatch):
    evaluations = []
    coupling = AffineCoupling(4, 0, (5,))
    monkeypatch.setattr(coupling.network, "map_rows", lambda rows: evaluations.append(1) or tf.zeros((3, 2, 2)))
    base = tfp.distributions.MultivariateNormalDiag(tf.zeros(4))
    Transformed(base, coupling).log_prob(tf.zeros((3, 4)))
    assert len(evaluations) == 1

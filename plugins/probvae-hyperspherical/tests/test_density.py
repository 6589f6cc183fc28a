"""Normaliser, moments and divergences of every dimension and concentration, against Bessel functions."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from probvae.errors import ShapeError

from probvae_hyperspherical.angle import Angle
from probvae_hyperspherical.distributions import SphericalUniform, VonMisesFisher

from . import references

tfd = tfp.distributions

KAPPAS = np.array([0, 1e-6, 1e-3, 0.01, 0.1, 0.5, 1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 1e6], np.float32)
dimensions = pytest.mark.parametrize("D", [2, 3, 4, 5, 8, 10, 20, 27, 28, 50, 100, 300])


def directions(*shape, seed=0):
    """Random unit vectors, float32."""
    x = np.random.default_rng(seed).normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def exact(f, D):
    return np.array([f(float(kappa), D) for kappa in KAPPAS])


@dimensions
def test_integrals_over_the_angle_are_bessel_functions_to_eleven_digits(D):
    angle = Angle(KAPPAS, D)
    expected = exact(references.log_normalizer, D)
    np.testing.assert_allclose(angle.log_mass + references.log_area(D - 1), expected, rtol=1e-13, atol=1e-11)
    np.testing.assert_allclose(angle.mean_versine, exact(references.versine, D), rtol=1e-11)
    np.testing.assert_allclose(angle.variance, exact(references.variance, D), rtol=1e-11)


@dimensions
def test_derivatives_of_the_normaliser_are_moments(D):
    kappa = tf.constant(KAPPAS, tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(kappa)
        with tf.GradientTape() as inner:
            inner.watch(kappa)
            log_mass = Angle(kappa, D).log_mass
        slope = inner.gradient(log_mass, kappa)
    np.testing.assert_allclose(slope, -exact(references.versine, D), rtol=1e-11)
    np.testing.assert_allclose(outer.gradient(slope, kappa), exact(references.variance, D), rtol=1e-11)


@dimensions
def test_log_prob_in_float32_is_exact_to_its_last_digits(D):
    """Also far from the mode, and at large κ, where κ and the normaliser are large and nearly cancel."""
    mode = directions(D)
    across = directions(D, seed=1).astype(np.float64)
    across -= across @ mode * mode
    across /= np.linalg.norm(across)
    theta = np.outer([0.0, 0.5, 1.0, 3.0], np.minimum(np.pi / 4, np.sqrt(D / np.maximum(KAPPAS, 1e-9))))
    z = np.cos(theta)[..., None] * mode + np.sin(theta)[..., None] * across  # [S, B, D]
    found = VonMisesFisher(mode, KAPPAS).log_prob(z.astype(np.float32))
    assert (found.shape, found.dtype) == ((4, len(KAPPAS)), tf.float32)
    steep, normalizer = 2.0 * KAPPAS * np.sin(theta / 2) ** 2, exact(references.log_normalizer, D)
    # The last term is what the rounding of z itself does, at distances of some spreads from the mode.
    bound = 3e-7 * (1 + steep + np.abs(normalizer)) + 1e-7 * np.sqrt(D * KAPPAS)
    np.testing.assert_array_less(np.abs(found.numpy().astype(np.float64) + steep + normalizer), bound)


@dimensions
def test_the_divergence_from_the_uniform_distribution_is_exact(D):
    q = VonMisesFisher(np.broadcast_to(directions(D), (len(KAPPAS), D)), KAPPAS)
    for p in (SphericalUniform(D), tfd.SphericalUniform(D)):
        found = tfd.kl_divergence(q, p)
        assert (found.shape, found.dtype) == (KAPPAS.shape, tf.float32)
        np.testing.assert_allclose(found, exact(references.divergence, D), rtol=2e-7, atol=1e-11)
    entropy = references.log_area(D) - exact(references.divergence, D)
    np.testing.assert_allclose(q.entropy(), entropy, rtol=3e-7, atol=3e-7)


@dimensions
def test_the_divergence_has_its_exact_slope(D):
    """dKL/dκ = κ Var[w]."""
    kappa = tf.constant(KAPPAS)
    with tf.GradientTape() as tape:
        tape.watch(kappa)
        kl = tfd.kl_divergence(VonMisesFisher(directions(D), kappa), SphericalUniform(D))
    np.testing.assert_allclose(tape.gradient(kl, kappa), KAPPAS * exact(references.variance, D), 1e-6, 1e-12)


def test_three_dimensions_have_a_closed_form():
    """C = κ / (4π sinh κ), and KL = κ coth κ - 1 + log(κ / sinh κ)."""
    kappa = np.array([0.01, 0.5, 4.0, 30.0])
    mode = directions(3)
    q = VonMisesFisher(mode, kappa.astype(np.float32))
    np.testing.assert_allclose(q.prob(mode), kappa * np.exp(kappa) / (4 * np.pi * np.sinh(kappa)), rtol=1e-6)
    closed = kappa / np.tanh(kappa) - 1 + np.log(kappa / np.sinh(kappa))
    np.testing.assert_allclose(q.kl_divergence(SphericalUniform(3)), closed, rtol=2e-5)  # κ itself is rounded


@pytest.mark.parametrize("D", [2, 3, 4, 5])
def test_tfp_agrees_where_it_goes(D):
    kappa = np.array([0.1, 1.0, 10.0, 100.0], np.float32)
    mode, z = directions(4, D), directions(50, 1, D, seed=1)
    q, other = VonMisesFisher(mode, kappa), tfd.VonMisesFisher(mode, kappa)
    for name in ("mean", "mode", "covariance"):
        np.testing.assert_allclose(getattr(q, name)(), getattr(other, name)(), rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(q.log_prob(z), other.log_prob(z), rtol=1e-5, atol=1e-4)
    kl = other.kl_divergence(tfd.SphericalUniform(D))
    np.testing.assert_allclose(q.kl_divergence(SphericalUniform(D)), kl, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("D", [2, 3, 10])
@pytest.mark.parametrize("kappa", [0.0, 2.0, 100.0])
def test_moments_are_those_of_the_samples(D, kappa):
    q = VonMisesFisher(directions(D), kappa)
    z = q.sample(40_000, seed=[1, 2]).numpy().astype(np.float64)
    error = q.stddev() / 200
    np.testing.assert_array_less(np.abs(z.mean(0) - q.mean()), 4.5 * error)
    np.testing.assert_allclose(np.cov(z.T), q.covariance(), atol=0.02 / D + 1e-3)
    np.testing.assert_allclose(np.square(q.stddev()), np.diag(q.covariance()), rtol=1e-5)
    np.testing.assert_array_equal(q.mode(), directions(D))


def test_a_batch_is_sliced_and_broadcast_like_any_other():
    q = VonMisesFisher(directions(4, 1, 3), [1.0, 2.0, 5.0])
    assert (q.batch_shape, q.event_shape) == ((4, 3), (3,))
    assert q[1:3, 0].batch_shape == (2,)
    for name in ("mean", "mode", "stddev", "variance"):
        assert getattr(q, name)().shape == (4, 3, 3)
    assert q.covariance().shape == (4, 3, 3, 3)
    assert q.experimental_sample_and_log_prob(seed=[1, 2])[1].shape == (4, 3)
    assert q.entropy().shape == q.kl_divergence(SphericalUniform(3)).shape == (4, 3)
    z, log_prob = q.experimental_sample_and_log_prob((5, 2), seed=[1, 2])
    assert (z.shape, log_prob.shape) == ((5, 2, 4, 3, 3), (5, 2, 4, 3))
    np.testing.assert_allclose(q.log_prob(z), log_prob, atol=1e-5)
    np.testing.assert_array_equal(q.sample((5, 2), seed=[1, 2]), z)
    np.testing.assert_allclose(q[1:3, 0].log_prob(z[..., 1:3, 0, :]), log_prob[..., 1:3, 0], atol=1e-5)


def test_spheres_of_different_dimensions_do_not_compare():
    with pytest.raises(ValueError, match="incompatible"):
        VonMisesFisher(directions(3), 1.0).kl_divergence(SphericalUniform(4))


@pytest.mark.parametrize("mode", [1.0, [1.0], [[1.0], [1.0]]], ids=str)
def test_a_sphere_needs_two_dimensions(mode):
    with pytest.raises(ShapeError, match="at least 2"):
        VonMisesFisher(mode, 1.0)


def test_float64_stays_float64():
    q = VonMisesFisher(tf.constant([0.0, 1.0], tf.float64), 3.0)
    z, log_prob = q.experimental_sample_and_log_prob(2, seed=[1, 2])
    assert {t.dtype for t in (z, log_prob, q.mean(), q.entropy(), q.log_prob(z))} == {tf.float64}

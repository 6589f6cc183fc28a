"""The posterior head and the prior."""

import numpy as np
import pytest
import tensorflow as tf
from probvae import SPHERE
from probvae.errors import ConfigError

from probvae_hyperspherical.posterior import CEILING, VonMisesFisherPosterior
from probvae_hyperspherical.prior import UniformOnSphere

from . import references

SEED = [5, 6]
every_dimension = pytest.mark.parametrize("D", [2, 3, 10, 100])


def raw(*shape):
    return tf.constant(3 * np.random.default_rng(0).normal(size=shape), tf.float32)


@every_dimension
def test_outputs_are_a_direction_and_a_concentration(D):
    head, outputs = VonMisesFisherPosterior(D, concentration_floor=0.5), raw(6, D + 1)
    assert (head.output_shape, head.support) == ((D + 1,), SPHERE)
    q = head.posterior(outputs)
    direction = outputs[:, :D] / np.linalg.norm(outputs[:, :D], axis=-1, keepdims=True)
    np.testing.assert_allclose(q.mode(), direction, atol=1e-6)
    np.testing.assert_allclose(q.concentration, np.logaddexp(0, outputs[:, D]) + 0.5, rtol=1e-6)


DIRECTIONS = [-1e30, -1e4, -1e-7, 0.0, 1e-7, 1e4]
CONCENTRATIONS = [-1e4, -120.0, 0.0, 120.0, 1e4, 1e8]


@every_dimension
def test_everything_is_finite_at_extreme_outputs(D):
    head = VonMisesFisherPosterior(D)
    outputs = tf.constant([[d] * D + [c] for d in DIRECTIONS for c in CONCENTRATIONS])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        q = head.posterior(outputs)
        z, log_q = q.experimental_sample_and_log_prob(50, seed=SEED)
        kl = q.kl_divergence(UniformOnSphere(D).distribution())
        loss = tf.reduce_sum(tf.sin(3 * z)) + tf.reduce_sum(log_q) + tf.reduce_sum(kl)
    gradient = tape.gradient(loss, outputs)
    for tensor in (z, log_q, kl, gradient, q.log_prob(z), q.log_prob(-z), q.mean(), q.entropy()):
        assert np.all(np.isfinite(tensor))
    assert np.all(q.stddev() > 0)
    assert np.all(kl >= 0)
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(q.mode(), axis=-1), 1, atol=1e-6)


@every_dimension
def test_outputs_without_a_direction_still_learn_one(D):
    """As those of a last layer that starts at zero."""
    outputs = tf.zeros((1, D + 1))
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        mode = VonMisesFisherPosterior(D).posterior(outputs).mode()
    np.testing.assert_array_equal(mode, np.eye(D)[:1])
    gradient = tape.gradient(mode, outputs, tf.ones((1, D)))
    np.testing.assert_allclose(gradient, [[0.0] + [1.0] * (D - 1) + [0.0]], atol=1e-6)


def test_the_floor_and_the_ceiling_bound_the_concentration():
    outputs = tf.constant([[1.0, 0.0, -1e4], [1.0, 0.0, 1e9]])
    found = VonMisesFisherPosterior(2, concentration_floor=0.25).posterior(outputs).concentration
    np.testing.assert_array_equal(found, [0.25, CEILING])


@pytest.mark.parametrize("component", [VonMisesFisherPosterior, UniformOnSphere])
@pytest.mark.parametrize("latent_dim", [-1, 0, 1])
def test_fewer_than_two_latents_are_refused(component, latent_dim):
    with pytest.raises(ConfigError, match=f">= 2; got {latent_dim}") as error:
        component(latent_dim)
    assert error.value.parameter == "latent_dim"


@pytest.mark.parametrize("floor", [0.0, -1.0, 1e5, float("nan")])
def test_a_meaningless_floor_is_refused(floor):
    with pytest.raises(ConfigError) as error:
        VonMisesFisherPosterior(2, concentration_floor=floor)
    assert error.value.parameter == "concentration_floor"


@pytest.mark.parametrize("D", [2, 3, 4, 10, 50, 100, 300])
def test_the_prior_is_even_over_the_area_of_the_sphere(D):
    p = UniformOnSphere(D).distribution()
    z = p.sample((40, 500), seed=SEED)
    assert (z.shape, p.batch_shape, p.event_shape, p.dtype) == ((40, 500, D), (), (D,), tf.float32)
    log_prob = p.log_prob(z)
    assert (log_prob.shape, log_prob.dtype) == ((40, 500), tf.float32)
    np.testing.assert_allclose(log_prob, np.full((40, 500), -references.log_area(D)), rtol=2e-7)
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-6)
    np.testing.assert_array_equal(p.mean(), np.zeros(D))
    np.testing.assert_allclose(p.stddev(), np.full(D, D**-0.5), rtol=1e-6)
    np.testing.assert_allclose(p.entropy(), references.log_area(D), rtol=2e-7)
    flat = z.numpy().reshape(-1, D).astype(np.float64)
    np.testing.assert_array_less(np.abs(flat.mean(0)), 4.5 / np.sqrt(20_000 * D))
    np.testing.assert_allclose(flat.T @ flat / 20_000, np.eye(D) / D, atol=0.05 / D)

"""A distribution of two functions is one of TFP's in every respect that a model asks for."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import CustomDistribution, mean_of

tfd = tfp.distributions


def normal(loc, scale, **options):
    """Independent normals, batch [...] and event [D]."""

    def sample(n, seed):
        return loc + scale * tf.random.stateless_normal(tf.concat([[n], tf.shape(loc)], axis=0), seed)

    def log_prob(x):
        return tf.reduce_sum(
            -0.5 * ((x - loc) / scale) ** 2 - tf.math.log(scale) - 0.5 * np.log(2 * np.pi), axis=-1
        )

    return CustomDistribution(
        sample, log_prob, batch_shape=tf.shape(loc)[:-1], event_shape=loc.shape[-1:], **options
    )


LOC = tf.constant(np.random.default_rng(0).normal(size=(3, 2)), tf.float32)


def test_it_agrees_with_the_distribution_of_tfp():
    mine, theirs = normal(LOC, 0.5 * tf.ones_like(LOC)), tfd.MultivariateNormalDiag(LOC, 0.5 * tf.ones_like(LOC))
    assert (tuple(mine.batch_shape), tuple(mine.event_shape)) == ((3,), (2,))
    x = mine.sample((4, 5), seed=(1, 2))
    assert x.shape == (4, 5, 3, 2)
    np.testing.assert_allclose(mine.log_prob(x), theirs.log_prob(x), rtol=1e-5)
    np.testing.assert_allclose(np.std(mine.sample(20_000, seed=(1, 2)), axis=0), 0.5, rtol=0.05)


def test_its_shapes_follow_a_batch_of_unknown_size():
    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def step(loc):
        q = normal(loc, tf.ones_like(loc))
        assert q.batch_shape.as_list() == [None]
        x, log_q = q.experimental_sample_and_log_prob(4, seed=(1, 2))
        return x, log_q, q.batch_shape_tensor()

    x, log_q, batch = step(LOC)
    assert (x.shape, log_q.shape, batch.numpy().tolist()) == ((4, 3, 2), (4, 3), [3])


def test_samples_carry_gradients_and_say_so():
    with tf.GradientTape() as tape:
        tape.watch(LOC)
        x = tf.reduce_sum(normal(LOC, tf.ones_like(LOC)).sample(2, seed=(0, 1)))
    np.testing.assert_allclose(tape.gradient(x, LOC), 2 * np.ones((3, 2)))
    assert normal(LOC, LOC).reparameterization_type == tfd.FULLY_REPARAMETERIZED
    assert normal(LOC, LOC, reparameterized=False).reparameterization_type == tfd.NOT_REPARAMETERIZED


def test_it_has_a_mean_if_it_is_given_one():
    assert mean_of(normal(LOC, LOC)) is None
    assert mean_of(normal(LOC, LOC, mean=lambda: LOC)) is LOC
    with pytest.raises(NotImplementedError, match="without mean="):
        normal(LOC, LOC).mean()

"""Sampling latents: the noise of a row depends neither on the number of replicas nor on XLA."""

from __future__ import annotations

import math

import tensorflow as tf

from probvae.core.replicas import Replicas
from probvae.core.seeds import as_seed
from probvae.core.types import Distribution, Seed, Tensor


def sample_and_log_prob(q: Distribution, samples: int, seed: Seed) -> tuple[Tensor, Tensor]:
    """Latents z ~ q(z|x) and their log q(z|x), in nats.

    Where several replicas share a batch, each of them samples for the whole batch and keeps its own rows. So row i
    of the batch gets the same noise as on one device, and no two rows get the same.

    Args:
        q: [B], [D].
        samples: S.
        seed: an int, or a stateless seed of shape [2].

    Returns:
        z [S, B, D] and log q(z|x) [S, B].
    """
    replicas = Replicas.here()
    if replicas.count == 1:
        z, log_q = q.experimental_sample_and_log_prob(samples, seed=as_seed(seed))
        return z, log_q
    z, log_q = q.experimental_sample_and_log_prob((samples, replicas.count), seed=as_seed(seed))  # [S, R, B, D]
    return tf.gather(z, replicas.number, axis=1), tf.gather(log_q, replicas.number, axis=1)


def stopped_log_prob(q: Distribution, z: Tensor) -> Tensor:
    """Log q(z) whose gradient takes the parameters of q as constants: it flows through z alone.

    The value is log q(z), and the gradient that of log q with stopped parameters, (∂ log q(z) / ∂z) dz, for any q
    that has a log_prob. At z ~ q that is the estimator without the score, whose variance vanishes as q becomes the
    posterior (Roeder, Wu and Duvenaud, Sticking the landing, 2017); doubly reparameterized gradients of
    importance-weighted bounds take it too (Tucker, Lawson, Gu and Maddison, 2019).

    Args:
        q: [B], [D].
        z: [..., B, D].

    Returns:
        [..., B], in nats.
    """
    still = tf.stop_gradient(z)
    with tf.GradientTape() as tape:
        tape.watch(still)
        log_q = q.log_prob(still)
    slope = tape.gradient(log_q, still, unconnected_gradients=tf.UnconnectedGradients.ZERO)  # [..., B, D]
    return tf.stop_gradient(log_q) + tf.reduce_sum(tf.stop_gradient(slope) * (z - still), axis=-1)


def mean_of(p: Distribution) -> Tensor | None:
    """The mean of a distribution, [batch, event]; None where it has none, as some autoregressive ones."""
    try:
        return p.mean()
    except NotImplementedError:
        return None


def normal_noise(shape: Tensor, seed: Seed) -> Tensor:
    """Independent standard normal numbers, float32, by the transform of Box and Muller (1958).

    Value i of the flattened result depends on the seed and i only, and XLA gives the same values up to rounding.
    `tf.random.stateless_normal` guarantees neither: TensorFlow and XLA agree on random bits only.

    Args:
        shape: of the result.
        seed: an int, or a stateless seed of shape [2].
    """
    u = _uniform(tf.concat([tf.cast(shape, tf.int32), [2]], axis=0), seed, 24)
    return tf.sqrt(-2.0 * tf.math.log(u[..., 0])) * tf.cos(2.0 * math.pi * u[..., 1])


def uniform_noise(shape: Tensor, seed: Seed) -> Tensor:
    """Independent numbers, float32, uniform between 0 and 1 and never 0 or 1.

    Value i of the flattened result depends on the seed and i only, as that of `normal_noise`, with XLA too.

    Args:
        shape: of the result.
        seed: an int, or a stateless seed of shape [2].
    """
    return _uniform(shape, seed, 23)  # with more bits the last of them is rounded to 1


def _uniform(shape: Tensor, seed: Seed, digits: int) -> Tensor:
    """The middles of 2^digits equal parts of (0, 1), at random."""
    bits = tf.random.stateless_uniform(
        tf.cast(shape, tf.int32), as_seed(seed), minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    return (tf.cast(tf.bitwise.bitwise_and(bits, 2**digits - 1), tf.float32) + 0.5) * 2.0**-digits

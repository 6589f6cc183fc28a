"""Mixtures of normals, whose density is a matrix product."""

from __future__ import annotations

import math

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import Distribution, Tensor

tfd = tfp.distributions


def normal_log_probs(x: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Log N(x; m_k, diag(s_k²)) of x [..., D] for K normals with m and s [K, D]: [..., K].

    The log-density of normal k at x is a sum of products, of which one part depends on x and one on k:

        log N(x; m_k, diag(s_k²)) = -0.5 x²·(1/s_k²) + x·(m_k/s_k²) + c_k

    So those at N points are one product of matrices [N, 2 D + 1] and [2 D + 1, K], instead of N K D differences.
    It is computed in float64: in float32 the terms cancel where a scale is small.
    """
    D = loc.shape[-1]
    points, loc, scale = (tf.cast(part, tf.float64) for part in (tf.reshape(x, (-1, D)), loc, scale))
    standardised = loc / scale
    constants = -tf.reduce_sum(tf.math.log(scale) + 0.5 * standardised**2, axis=-1) - 0.5 * D * math.log(
        2 * math.pi
    )  # [K]
    of_points = tf.concat([points**2, points, tf.ones_like(points[:, :1])], axis=-1)  # [N, 2 D + 1]
    of_normals = tf.concat([-0.5 / scale**2, standardised / scale, constants[:, tf.newaxis]], axis=-1)
    each = tf.cast(tf.matmul(of_points, of_normals, transpose_b=True), x.dtype)  # [N, K]
    return tf.reshape(each, tf.concat([tf.shape(x)[:-1], tf.shape(loc)[:1]], axis=0))


class NormalMixture(tfd.MixtureSameFamily):  # type: ignore
    """A mixture of K diagonal normals, batch [] and event [D], whose density is a matrix product."""

    def _log_prob(self, x: Tensor) -> Tensor:
        normals = self.components_distribution
        log_weights = tf.nn.log_softmax(self.mixture_distribution.logits_parameter())  # [K]
        each = normal_log_probs(x, normals.mean(), normals.stddev())  # [..., K]
        return tf.reduce_logsumexp(log_weights + each, axis=-1)


def mixture(logits: Tensor, components: Distribution) -> Distribution:
    """sum_k softmax(logits)_k components_k: [], [D].

    Args:
        logits: [K].
        components: [K], [D].
    """
    diagonal = isinstance(components, tfd.MultivariateNormalDiag)
    made = NormalMixture if diagonal else tfd.MixtureSameFamily
    return made(tfd.Categorical(logits=logits), components)

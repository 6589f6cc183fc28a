"""Mixtures of normals, whose density is a matrix product."""

from __future__ import annotations

import math

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import Distribution, Tensor

tfd = tfp.distributions


class _NormalMixture(tfd.MixtureSameFamily):  # type: ignore
    """A mixture of K diagonal normals, batch [] and event [D], with a density of its own.

    The log-density of component k at z is a sum of products, of which one part depends on z and one on k:

        log w_k N(z; m_k, s_k²) = -0.5 z²·(1/s_k²) + z·(m_k/s_k²) + c_k

    So those of N latents are one product of matrices [N, 2 D + 1] and [2 D + 1, K], instead of N K D differences.
    It is computed in float64: in float32 the terms cancel where a scale is small.
    """

    def _log_prob(self, x: Tensor) -> Tensor:
        normals, D = self.components_distribution, self.event_shape[0]
        log_weights = tf.nn.log_softmax(self.mixture_distribution.logits_parameter())
        z = tf.cast(tf.reshape(x, (-1, D)), tf.float64)
        loc, scale, log_weights = (
            tf.cast(part, tf.float64) for part in (normals.mean(), normals.stddev(), log_weights)
        )  # [K, D], [K, D], [K]
        standardised = loc / scale
        constants = (
            log_weights
            - tf.reduce_sum(tf.math.log(scale) + 0.5 * standardised**2, axis=-1)
            - 0.5 * D * math.log(2 * math.pi)
        )
        of_latents = tf.concat([z**2, z, tf.ones_like(z[:, :1])], axis=-1)  # [N, 2 D + 1]
        of_components = tf.concat([-0.5 / scale**2, standardised / scale, constants[:, tf.newaxis]], axis=-1)
        each = tf.matmul(of_latents, of_components, transpose_b=True)  # [N, K]
        log_prob = tf.reduce_logsumexp(tf.cast(each, x.dtype), axis=-1)  # [N]
        return tf.reshape(log_prob, tf.shape(x)[:-1])


def mixture(logits: Tensor, components: Distribution) -> Distribution:
    """sum_k softmax(logits)_k components_k: [], [D].

    Args:
        logits: [K].
        components: [K], [D].
    """
    diagonal = isinstance(components, tfd.MultivariateNormalDiag)
    made = _NormalMixture if diagonal else tfd.MixtureSameFamily
    return made(tfd.Categorical(logits=logits), components)

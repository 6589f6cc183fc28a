"""The concrete distribution: one-hot vectors, relaxed so that samples carry gradients."""

from __future__ import annotations

from math import lgamma, log

import tensorflow as tf

from probvae.core import CustomDistribution, Distribution, Tensor, uniform_noise
from probvae.errors import ConfigError


def exp_concrete(logits: Tensor, temperature: float) -> Distribution:
    """Logarithms z of G relaxed one-hot vectors of K categories, [...], [G K].

    z = log softmax((logits + g) / temperature) in each group, with g independent standard Gumbel numbers

    log p(z) = sum over groups of log Γ(K) + (K - 1) log temperature + sum_k log softmax(logits - temperature z)_k

    This is the density of the K - 1 differences of z_1, ..., z_K in a group, which determine z (exp(z) sums to 1):
    the ExpConcrete distribution of Maddison, Mnih, Teh (The concrete distribution, 2017, appendix C.3). That of
    exp(z) cannot be computed in single precision: at low temperatures most elements are 0, and their logarithms
    are lost.

    Args:
        logits: [..., G, K], up to a constant the log-probabilities of the categories as the temperature goes to 0.
        temperature: above 0.
    """
    *_, G, K = logits.shape
    constant = G * (lgamma(K) + (K - 1) * log(temperature))

    def sample(n: Tensor, seed: Tensor) -> Tensor:
        u = uniform_noise(tf.concat([[n], tf.shape(logits)], axis=0), seed)
        z = tf.nn.log_softmax((logits - tf.math.log(-tf.math.log(u))) / temperature)
        return tf.reshape(z, tf.concat([tf.shape(z)[:-2], [G * K]], axis=0))

    def log_prob(z: Tensor) -> Tensor:
        z = tf.reshape(z, tf.concat([tf.shape(z)[:-1], [G, K]], axis=0))
        return constant + tf.reduce_sum(tf.nn.log_softmax(logits - temperature * z), axis=(-2, -1))

    return CustomDistribution(sample, log_prob, tf.shape(logits)[:-2], [G * K])


def categories(latent_dim: int, groups: int) -> int:
    """K, how many categories each of G groups of latents has.

    Raises:
        ConfigError: the latents do not make G groups of two or more.

    >>> categories(20, 2)
    10
    """
    if latent_dim % groups or latent_dim < 2 * groups:
        raise ConfigError(
            f"concrete: expected latent_dim to be groups times the number of categories, two or more; got "
            f"latent_dim = {latent_dim} and groups = {groups}.",
            parameter="groups",
        )
    return latent_dim // groups

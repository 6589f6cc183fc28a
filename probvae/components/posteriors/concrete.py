"""A posterior of categories, relaxed so that samples carry gradients."""

from __future__ import annotations

import tensorflow as tf

from probvae.components.concrete import categories, exp_concrete
from probvae.core import Distribution, LogSimplex, Positive, PositiveFloat, PosteriorHead, Tensor


class ConcretePosterior(PosteriorHead):
    """G relaxed categorical latents with K categories each, batch [B] and event [G K].

    z = log softmax((logits(x) + g) / temperature) in each group, with g independent standard Gumbel numbers

    See Jang, Gu, Poole (Categorical reparameterization with Gumbel-softmax, 2017) and Maddison, Mnih, Teh (The
    concrete distribution, 2017). The lower the temperature, the nearer exp(z) is to a one-hot vector, and the more
    the gradient varies. The latents are logarithms, whose density single precision holds at any temperature; the
    decoder gets exp(z). The KL to the prior `concrete` is estimated from samples.

    Args:
        latent_dim: G K, the size of one latent.
        groups: G, how many categorical latents.
        temperature: of the softmax.

    Raises:
        ConfigError: latent_dim is not G times two or more.
    """

    def __init__(self, latent_dim: Positive, groups: Positive = 1, temperature: PositiveFloat = 0.5) -> None:
        super().__init__()
        self.shape = (groups, categories(latent_dim, groups))
        self.temperature = temperature
        self.output_shape = (latent_dim,)
        self.support = LogSimplex.of(self.shape[1])

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from logits [B, G K]: [B], [G K]."""
        logits = tf.reshape(outputs, tf.concat([tf.shape(outputs)[:-1], self.shape], axis=0))  # [B, G, K]
        return exp_concrete(logits, self.temperature)  # [B], [G K]

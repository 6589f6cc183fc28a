"""A fixed prior of categories, relaxed as the posterior of the same name is."""

from __future__ import annotations

import tensorflow as tf

from probvae.components.concrete import categories, exp_concrete
from probvae.core import Distribution, LogSimplex, Positive, PositiveFloat, Prior


class ConcretePrior(Prior):
    """G relaxed categorical latents with K equally probable categories, batch [] and event [G K].

    z = log softmax(g / temperature) in each group, with g independent standard Gumbel numbers; nothing in it is
    learned. See the posterior `concrete` for the space of the latents and the sources.

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
        self.support = LogSimplex.of(self.shape[1])

    def distribution(self) -> Distribution:
        """p(z): [], [G K]."""
        return exp_concrete(tf.zeros(self.shape), self.temperature)

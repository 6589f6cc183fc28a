"""A fixed prior with heavier tails than a normal."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import Distribution, Positive, PositiveFloat, Prior

tfd = tfp.distributions


class LaplacePrior(Prior):
    """Independent Laplace distributions around 0, batch [] and event [D]; nothing in it is learned.

    p(z) = prod_d exp(-|z_d| / scale) / (2 scale)

    More latents than under a normal are near 0, and some are far from it, as in sparse codes (Olshausen and Field,
    Emergence of simple-cell receptive field properties by learning a sparse code for natural images, 1996). With
    the posterior `laplace` the KL is exact.

    Args:
        latent_dim: D, the size of one latent.
        scale: of each latent.
    """

    def __init__(self, latent_dim: Positive, scale: PositiveFloat = 1.0) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.scale = scale

    def distribution(self) -> Distribution:
        """p(z): [], [D]."""
        latents = tfd.Laplace(tf.zeros(self.latent_dim), self.scale)  # [D], []
        return tfd.Independent(latents, reinterpreted_batch_ndims=1)  # [], [D]

"""The fixed prior of the classic variational autoencoder."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import Distribution, Positive, Prior

tfd = tfp.distributions


class StandardNormal(Prior):
    """The isotropic normal with unit scale, batch [] and event [D]; nothing in it is learned.

    p(z) = N(z; 0, I)

    Args:
        latent_dim: D, the size of one latent.
    """

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def distribution(self) -> Distribution:
        """p(z): [], [D]."""
        return tfd.MultivariateNormalDiag(tf.zeros(self.latent_dim), tf.ones(self.latent_dim))

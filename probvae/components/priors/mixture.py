"""A learned mixture of normals."""

from __future__ import annotations

import keras
import tensorflow_probability as tfp

from probvae.components.mixtures import mixture
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import Distribution, Positive, Prior

tfd = tfp.distributions


class Mixture(Prior):
    """A learned mixture of K diagonal normals, batch [] and event [D].

    p(z) = sum_k softmax(logits)_k N(z; loc_k, diag(scale_k²)), scale = softplus(raw + 1e-5) + 1e-4

    The means start as draws from N(0, I) and the scales at 1, so that at the start the mixture overlaps with
    every posterior and each component receives a gradient; the weights start equal.

    Args:
        latent_dim: D, the size of one latent.
        components: K, how many normals are mixed.
    """

    def __init__(self, latent_dim: Positive, components: Positive = 16) -> None:
        super().__init__()
        shape = (components, latent_dim)
        one = keras.initializers.Constant(raw_scale(1.0))
        self.logits = self.add_weight(
            shape=(components,), initializer="zeros", name="logits", trainable=components > 1
        )
        self.loc = self.add_weight(
            shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0), name="loc"
        )
        self.raw_scale = self.add_weight(shape=shape, initializer=one, name="raw_scale")

    def distribution(self) -> Distribution:
        """p(z): [], [D]."""
        normals = tfd.MultivariateNormalDiag(self.loc.value, softplus_scale(self.raw_scale.value))  # [K], [D]
        return mixture(self.logits.value, normals)  # [], [D]

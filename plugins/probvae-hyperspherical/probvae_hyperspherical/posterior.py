"""Posteriors on the unit sphere."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
from annotated_types import Ge, Gt, Le
from probvae import SPHERE, Distribution, PosteriorHead, Promises, Tensor

from probvae_hyperspherical.distributions import VonMisesFisher

CEILING = 1e6
"""The largest concentration: each latent then spreads by 0.001, ten thousand times what float32 resolves."""
TINY = 1e-6
"""The norm below which outputs have no direction: the gradient, which goes with its inverse, would be noise."""


class VonMisesFisherPosterior(PosteriorHead):
    """A von Mises-Fisher distribution on the unit sphere S^(D-1) in R^D, batch [B] and event [D].

    q(z|x) = C(κ(x)) exp(κ(x) μ(x)ᵀz), with μ = raw / |raw| and κ = min(softplus(raw) + concentration_floor, 1e6)
    (Davidson, Falorsi, De Cao, Kipf, Tomczak, Hyperspherical variational auto-encoders, 2018). Its
    log-probabilities are densities with respect to surface area, as those of its prior must be.

    Args:
        latent_dim: D, the size of one latent; the sphere has one dimension less.
        concentration_floor: the smallest κ. Nothing breaks without one; but at 0 the posterior is the prior, no
            gradient reaches μ, and where the softplus has underflowed none reaches κ either.
    """

    support = SPHERE
    promises = Promises(tags=("xla",))

    def __init__(
        self, latent_dim: Annotated[int, Ge(2)], concentration_floor: Annotated[float, Gt(0), Le(1e4)] = 0.01
    ) -> None:
        super().__init__()
        self.concentration_floor = concentration_floor
        self.output_shape = (latent_dim + 1,)

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from outputs [B, D + 1]: [B], [D]."""
        raw_direction, raw_concentration = outputs[..., :-1], outputs[..., -1]  # [B, D], [B]
        concentration = tf.minimum(tf.nn.softplus(raw_concentration) + self.concentration_floor, CEILING)
        return VonMisesFisher(_directions(raw_direction), concentration)  # [B], [D]


def _directions(raw: Tensor) -> Tensor:
    """Vectors [B, D] divided by their norms; one that has none gets a direction, and a gradient to leave it by."""
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(raw), axis=-1, keepdims=True))
    raw /= tf.maximum(largest, 1.0)  # so that no square is infinite
    square = tf.reduce_sum(raw**2, axis=-1, keepdims=True)
    first = tf.one_hot(0, raw.shape[-1], dtype=raw.dtype)
    return tf.math.l2_normalize(tf.where(square < TINY**2, raw + first, raw), axis=-1, epsilon=0.0)

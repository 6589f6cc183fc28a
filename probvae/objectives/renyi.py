"""The variational Rényi bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from probvae.core import VAE, Array, Batch, Exact, Losses, Objective, Positive, Seed, Tensor
from probvae.objectives.elbo import ELBO
from probvae.objectives.iwae import IWAE


class Renyi(Objective):
    """The negative variational Rényi bound of order alpha, by importance weights.

    loss(x) = -1/(1 - alpha) log 1/S sum_s w_s^(1 - alpha), w_s = p(x, z_s) / q(z_s|x), z_s ~ q(z|x)

    In nats per example (Li and Turner, Rényi divergence variational inference, 2016). It falls as alpha falls:
    for alpha = 1 it is the negative evidence lower bound, for alpha = 0 that of `iwae`. For alpha ≥ 0 its mean
    is at least -log p(x). For alpha < 0 it may be below that, and no bound is claimed.

    Args:
        samples: S, the number of latents per example.
        alpha: the order of the divergence.
    """

    terms = ("negative_elbo",)

    def __init__(self, samples: Positive = 5, alpha: float = 0.5) -> None:
        self.samples = samples
        self.alpha = alpha
        self.bound = "tight" if alpha >= 0 else None

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        log_w = vae.log_weights(batch.x, self.samples, seed, batch.condition, batch.observed, batch.rows)  # [S, B]
        elbo = tf.reduce_mean(log_w, axis=0)  # [B]
        order = 1.0 - self.alpha
        return Losses(-(_log_power_mean(log_w, order) if order else elbo), {"negative_elbo": -elbo})

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """As in the class's docstring."""
        return [(cls(3, alpha=0.0), IWAE(3)), (cls(3, alpha=1.0), ELBO("monte_carlo", samples=3))]

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """The loss where it is another bound."""
        if self.alpha == 1 or self.samples == 1:
            return {"loss": exact.negative_elbo}
        return {"loss": exact.importance_weighted(self.samples)} if self.alpha == 0 else {}


def _log_power_mean(log_w: Tensor, order: float) -> Tensor:
    """1/order log 1/S sum_s w_s^order of log w [S, B]: [B]; exact to rounding for orders near 0 too."""
    powers = order * log_w
    largest = tf.stop_gradient(tf.reduce_max(powers, axis=0))  # [B]
    return (largest + tf.math.log1p(tf.reduce_mean(tf.math.expm1(powers - largest), axis=0))) / order

"""The mean of several importance-weighted bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import VAE, Array, Batch, Exact, Losses, Objective, Positive, Seed, Tensor
from probvae.objectives.elbo import ELBO
from probvae.objectives.iwae import IWAE


class MIWAE(Objective):
    """The negative mean of M importance-weighted bounds of S samples each.

    loss(x) = -1/M sum_m log 1/S sum_s p(x, z_ms) / q(z_ms|x), z_ms ~ q(z|x), in nats per example

    (Rainforth, Kosiorek, Le, Maddison, Igl, Wood, Teh, Tighter variational bounds are not necessarily better,
    2018, where S is K). With M = 1 it is the importance-weighted bound `iwae` of S samples, with S = 1 the
    evidence lower bound of M. With M S samples in all it lies between these two, and the gradient of the encoder
    has a better ratio of signal to noise than that of `iwae`.

    Args:
        repeats: M, the number of bounds.
        samples: S, the number of importance samples of each.
    """

    terms = ("negative_elbo",)
    bound = "tight"

    def __init__(self, repeats: Positive = 4, samples: Positive = 4) -> None:
        self.repeats = repeats
        self.samples = samples

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        draws = self.repeats * self.samples
        log_w = vae.log_weights(batch.x, draws, seed, batch.condition, batch.observed, batch.rows)  # [M S, B]
        return Losses(-self.mean_bound(log_w), {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})

    def mean_bound(self, log_w: Tensor) -> Tensor:
        """The mean of the M bounds, [B], from log weights [M S, B]."""
        grouped = tf.reshape(log_w, (self.repeats, self.samples, -1))  # [M, S, B]
        return tf.reduce_mean(tfp.math.reduce_logmeanexp(grouped, axis=1), axis=0)

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """As in the class's docstring."""
        return [(cls(1, 3), IWAE(3)), (cls(3, 1), ELBO("monte_carlo", samples=3))]

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring."""
        return {"loss": exact.importance_weighted(self.samples)}

"""The importance-weighted bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

import tensorflow as tf

from probvae.core import VAE, Array, Batch, Exact, Losses, Objective, Positive, Seed, Tensor
from probvae.objectives.elbo import ELBO


class IWAE(Objective):
    """The negative importance-weighted bound.

    loss(x) = -log 1/S sum_s p(x, z_s) / q(z_s|x), z_s ~ q(z|x), in nats per example (Burda, Grosse,
    Salakhutdinov, Importance weighted autoencoders, 2016). One sample makes it the evidence lower bound with a
    Monte Carlo KL; more make it tighter.

    Args:
        samples: S, the number of importance samples per example.
    """

    terms = ("negative_elbo",)
    bound = "tight"

    def __init__(self, samples: Positive = 5) -> None:
        self.samples = samples

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        log_w = vae.log_weights(batch.x, self.samples, seed, batch.condition, batch.observed, batch.rows)  # [S, B]
        bound = tf.reduce_logsumexp(log_w, axis=0) - log(self.samples)  # [B]
        return Losses(-bound, {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """As in the class's docstring."""
        return [(cls(1), ELBO("monte_carlo"))]

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring."""
        return {"loss": exact.importance_weighted(self.samples)}

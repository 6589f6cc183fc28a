"""A combination of the evidence lower bound and the importance-weighted bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.core import VAE, Array, Batch, Exact, Losses, Objective, Positive, Seed, Tensor
from probvae.objectives.elbo import ELBO
from probvae.objectives.iwae import IWAE


class CIWAE(Objective):
    """The negative convex combination of the evidence lower bound and the importance-weighted bound.

    loss(x) = -β 1/S sum_s log w_s - (1 - β) log 1/S sum_s w_s, w_s = p(x, z_s) / q(z_s|x), z_s ~ q(z|x)

    In nats per example (Rainforth, Kosiorek, Le, Maddison, Igl, Wood, Teh, Tighter variational bounds are not
    necessarily better, 2018). With β = 0 it is `iwae`, with β = 1 the evidence lower bound.

    Args:
        samples: S, the number of importance samples per example.
        beta: the weight of the evidence lower bound.
    """

    terms = ("negative_elbo",)
    bound = "tight"

    def __init__(self, samples: Positive = 5, beta: Annotated[float, Ge(0), Le(1)] = 0.5) -> None:
        self.samples = samples
        self.beta = beta

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        log_w = vae.log_weights(batch.x, self.samples, seed, batch.condition, batch.observed, batch.rows)  # [S, B]
        elbo, tighter = tf.reduce_mean(log_w, axis=0), tfp.math.reduce_logmeanexp(log_w, axis=0)  # [B], [B]
        return Losses(-self.beta * elbo - (1.0 - self.beta) * tighter, {"negative_elbo": -elbo})

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """As in the class's docstring."""
        return [(cls(3, beta=0.0), IWAE(3)), (cls(3, beta=1.0), ELBO("monte_carlo", samples=3))]

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring."""
        tighter = exact.importance_weighted(self.samples)
        return {"loss": self.beta * exact.negative_elbo + (1.0 - self.beta) * tighter}

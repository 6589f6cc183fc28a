"""The evidence lower bound with the gradient that sticks the landing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from probvae.core import (
    VAE,
    Array,
    Batch,
    Exact,
    Losses,
    Objective,
    Positive,
    Seed,
    Tensor,
    sample_and_log_prob,
    stopped_log_prob,
)
from probvae.objectives.elbo import ELBO


class STL(Objective):
    """The negative evidence lower bound, whose gradient has no noise where q(z|x) is the exact posterior.

    loss(x) = -1/S sum_s [log p(x, z_s) - log q(z_s|x)], z_s ~ q(z|x), in nats per example

    In log q(z_s|x) the parameters of q are constants: the gradient reaches them through z_s only. What is left
    out, the score of q, has the mean 0, so the gradient is unbiased (Roeder, Wu, Duvenaud, Sticking the landing:
    simple, lower-variance gradient estimators for variational inference, 2017). In the importance-weighted bound
    it has another mean, and leaving it out gives a bias: `dreg` is the estimator for that bound.

    Args:
        samples: S, the number of latents per example.
    """

    terms = ("negative_log_likelihood", "kl")
    bound = "tight"
    less_variance = True

    def __init__(self, samples: Positive = 1) -> None:
        self.samples = samples

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        q, p = vae.posterior(batch.x, batch.condition), vae.prior_given(batch.condition, batch.rows)  # [B], [D]
        z, _ = sample_and_log_prob(q, self.samples, seed)  # [S, B, D]
        kl = tf.reduce_mean(stopped_log_prob(q, z) - p.log_prob(z), axis=0)  # [B]
        log_likelihood = vae.log_likelihood(batch.x, z, batch.condition, batch.observed)  # [S, B]
        negative = -tf.reduce_mean(log_likelihood, axis=0)  # [B]
        return Losses(negative + kl, {"negative_log_likelihood": negative, "kl": kl})

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """As in the class's docstring."""
        return [(cls(3), ELBO("monte_carlo", samples=3))]

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring."""
        return {"loss": exact.negative_elbo}

    def targets(self) -> Mapping[str, Objective]:
        """The gradient of the encoder is that of the evidence lower bound."""
        return {"encoder": ELBO("monte_carlo", self.samples)}

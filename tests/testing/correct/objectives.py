"""Objectives: one for diagonal posteriors only, and one whose gradient is not that of its value."""

from typing import ClassVar

import tensorflow as tf

from probvae.core import Losses, Objective, as_seed, stopped_log_prob


class DivergenceOfMarginals(Objective):
    """The KL of two diagonal normals from means and standard deviations, latent by latent."""

    terms: ClassVar[tuple[str, ...]] = ("negative_log_likelihood", "kl")
    bound = "tight"
    posterior = "diagonal"

    def __call__(self, vae, batch, seed, step):
        q, p = vae.posterior(batch.x), vae.prior_given(batch.condition, batch.rows)
        z = q.sample(seed=as_seed(seed))  # [B, D]
        log_likelihood = vae.log_likelihood(batch.x, z, batch.condition, batch.observed)  # [B]
        ratio, away = q.stddev() / p.stddev(), (q.mean() - p.mean()) / p.stddev()  # [B, D]
        kl = tf.reduce_sum(0.5 * (ratio**2 + away**2 - 1) - tf.math.log(ratio), axis=-1)
        return Losses(kl - log_likelihood, {"negative_log_likelihood": -log_likelihood, "kl": kl})


class StickingTheLanding(Objective):
    """The evidence lower bound, log q(z) with stopped parameters (Roeder, Wu and Duvenaud, 2017)."""

    terms: ClassVar[tuple[str, ...]] = ("negative_log_likelihood", "kl")
    bound = "tight"

    def __call__(self, vae, batch, seed, step):
        q = vae.posterior(batch.x)
        z = q.sample(seed=as_seed(seed))  # [B, D]
        log_likelihood = vae.log_likelihood(batch.x, z, batch.condition, batch.observed)
        kl = stopped_log_prob(q, z) - vae.prior_given(batch.condition, batch.rows).log_prob(z)
        return Losses(kl - log_likelihood, {"negative_log_likelihood": -log_likelihood, "kl": kl})

"""The evidence lower bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import tensorflow as tf
from annotated_types import Ge

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
    whole_batch_mean,
)
from probvae.errors import ConfigError
from probvae.objectives.kl import chosen_kl, resolve_kl


class ELBO(Objective):
    """The negative evidence lower bound, with an optional weight and floor for its KL.

    loss(x) = -E_q[log p(x|z)] + β KL(q(z|x) || p(z)), in nats per example

    With β = 1 and free_bits = 0 it is minus the bound of Kingma and Welling, Auto-encoding variational Bayes
    (2014). Another β is the β-VAE (Higgins et al., 2017); a β that grows from 0 is the warm-up of Sønderby et
    al., Ladder variational autoencoders (2016).

    With free_bits = λ the mean loss of a batch is -E_q[log p(x|z)] + β max(λ, KL), each a mean over the batch
    (Kingma et al., Improved variational inference with inverse autoregressive flow, 2016, with all latents as one
    group, as a prior need not factorise). Up to a mean KL of λ the penalty is λ and the KL has no gradient, so the
    rows of a batch are coupled. Where the KL is estimated, its mean over n examples with S samples has the
    standard deviation of log q(z|x) - log p(z), divided by √(n S). That makes the expected maximum too large by
    at most half as much, and by almost nothing where the KL is a few standard deviations away from λ.

    Args:
        kl: the exact divergence, an estimate by the samples (mean of log q - log p), or "auto": exact where
            TensorFlow Probability registers it.
        samples: S, the number of latents per example.
        beta: the weight of the KL, after the warm-up.
        warmup_epochs: the number of epochs, or a fraction of one, in which β grows linearly from 0.
        free_bits: λ, floor of the KL, in nats per example: below it the KL is not penalised.
        steps_per_epoch: the number of steps in an epoch; a spec supplies it, and warmup_epochs needs it.

    Raises:
        ConfigError: a setting has no effect with another one, or warmup_epochs has no steps_per_epoch.
    """

    terms = ("negative_log_likelihood", "kl", "beta")

    def __init__(
        self,
        kl: Literal["auto", "exact", "monte_carlo"] = "auto",
        samples: Positive = 1,
        beta: Annotated[float, Ge(0)] = 1.0,
        warmup_epochs: Annotated[float, Ge(0)] = 0.0,
        free_bits: Annotated[float, Ge(0)] = 0.0,
        steps_per_epoch: int | None = None,
    ) -> None:
        for name, value in {"warmup_epochs": warmup_epochs, "free_bits": free_bits}.items():
            if value and beta == 0:
                raise ConfigError(
                    f"elbo objective: {name} = {value:g} has no effect with beta = 0, which leaves the KL out. "
                    f"Set beta above 0, or leave {name} out.",
                    parameter=name,
                )
        if warmup_epochs and steps_per_epoch is None:
            raise ConfigError(
                f"elbo objective: expected steps_per_epoch with warmup_epochs = {warmup_epochs:g}; got none.",
                parameter="warmup_epochs",
            )
        self.kl = kl
        self.samples = samples
        self.beta = beta
        self.warmup_steps = max(1.0, warmup_epochs * (steps_per_epoch or 1)) if warmup_epochs else 0.0
        self.free_bits = free_bits
        self.couples_rows = free_bits > 0
        if beta >= 1:
            self.bound = "upper" if free_bits or beta > 1 else "tight"

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        _, log_likelihood, kl = elbo_parts(vae, batch, seed, self.kl, self.samples)  # [B], [B]
        beta = self.beta_at(step)
        penalty = kl
        if self.free_bits:
            penalty = tf.where(whole_batch_mean(kl, batch.weights) <= self.free_bits, self.free_bits, kl)  # [B]
        terms = {"negative_log_likelihood": -log_likelihood, "kl": kl, "beta": tf.fill(tf.shape(kl), beta)}
        return Losses(beta * penalty - log_likelihood, terms)

    def beta_at(self, step: Tensor) -> Tensor:
        """The weight of the KL at a step: a scalar."""
        if not self.warmup_steps:
            return tf.constant(self.beta, tf.float32)
        return self.beta * tf.minimum(1.0, tf.cast(step, tf.float32) / self.warmup_steps)

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring. For an estimated KL, on which side of its floor it is has no formula."""
        beta = self.beta * min(1.0, step / self.warmup_steps) if self.warmup_steps else self.beta
        if self.free_bits and self.kl == "monte_carlo":
            return {"beta": beta}
        penalty = exact.kl if exact.kl.mean() > self.free_bits else self.free_bits
        return {"beta": beta, "loss": exact.negative_log_likelihood + beta * penalty}

    def describe(self, vae: VAE) -> dict[str, str]:
        """The form of the KL for this model."""
        return {"kl": resolve_kl(self.kl, vae)}


def elbo_parts(
    vae: VAE, batch: Batch, seed: Seed, kl: str = "auto", samples: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Latents z ~ q(z|x) of a batch, and the two parts of the evidence lower bound, in nats per example.

    Returns:
        z [S, B, D], the mean of log p(x|z) over them [B], and KL(q(z|x) || p(z)) [B], as `chosen_kl` has it.
    """
    q = vae.posterior(batch.x, batch.condition)  # [B], [D]
    p = vae.prior_given(batch.condition)  # [] or [B], [D]
    divergence = chosen_kl(kl, q, p)  # [B]
    z, log_q = sample_and_log_prob(q, samples, seed)  # [S, B, D], [S, B]
    if divergence is None:
        divergence = tf.reduce_mean(log_q - p.log_prob(z), axis=0)  # [B]
    log_likelihood = vae.log_likelihood(batch.x, z, batch.condition, batch.observed)  # [S, B]
    return z, tf.reduce_mean(log_likelihood, axis=0), divergence

"""The evidence lower bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
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
from probvae.objectives.kl import Per, chosen_kl, kl_by_block, latent_by_latent, resolve_kl


class ELBO(Objective):
    """The negative evidence lower bound, with an optional weight and floor for its KL.

    loss(x) = -E_q[log p(x|z)] + β KL(q(z|x) || p(z)), in nats per example

    With β = 1 and free_bits = 0 it is minus the bound of Kingma and Welling, Auto-encoding variational Bayes
    (2014). Another β is the β-VAE (Higgins et al., 2017); a β that grows from 0 is the warm-up of Sønderby et
    al., Ladder variational autoencoders (2016).

    β may grow from 0 several times (Fu et al., Cyclical annealing schedule: a simple approach to mitigating KL
    vanishing, 2019). It then stays for as long as it grew before it starts again, and after the last time for
    good.

    With free_bits = λ the mean loss of a batch is -E_q[log p(x|z)] + β max(λ, KL), each a mean over the batch, or
    with the sum of max(λ, KL_d) over the latents, for which q and p must be products over these, or over the
    blocks of a hierarchy (Kingma et al., Improved variational inference with inverse autoregressive flow, 2016).
    Up to a mean KL of λ the penalty is λ and the KL has no gradient, so the rows of a batch are coupled. Where the
    KL is estimated, its mean over n examples with S samples has the standard deviation of log q(z|x) - log p(z),
    divided by √(n S). That makes the expected maximum too large by at most half as much, and by almost nothing
    where the KL is a few standard deviations away from λ.

    Args:
        kl: the exact divergence, an estimate by the samples (mean of log q - log p), or "auto": exact where
            TensorFlow Probability registers it.
        samples: S, the number of latents per example.
        beta: the weight of the KL, after the warm-up.
        warmup_epochs: the number of epochs, or a fraction of one, in which β grows linearly from 0.
        warmup_cycles: how many times β grows from 0.
        free_bits: λ, floor of the KL, in nats per example: below it the KL is not penalised.
        free_bits_per: what the floor is of: the KL of "all" latents together, that of each "latent", or of a
            hierarchy that of each "block" given those above it.
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
        warmup_cycles: Positive = 1,
        free_bits: Annotated[float, Ge(0)] = 0.0,
        free_bits_per: Per = "all",
        steps_per_epoch: int | None = None,
    ) -> None:
        for name, value in {"warmup_epochs": warmup_epochs, "free_bits": free_bits}.items():
            if value and beta == 0:
                raise ConfigError(
                    f"elbo objective: {name} = {value:g} has no effect with beta = 0, which leaves the KL out. "
                    f"Set beta above 0, or leave {name} out.",
                    parameter=name,
                )
        for name, value, needed in (
            ("warmup_cycles", warmup_cycles > 1, warmup_epochs),
            ("free_bits_per", free_bits_per != "all", free_bits),
        ):
            if value and not needed:
                other = "warmup_epochs" if name == "warmup_cycles" else "free_bits"
                raise ConfigError(
                    f"elbo objective: {name} has no effect with {other} = 0. Set {other}, or leave {name} out.",
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
        self.ramp_steps = max(1.0, warmup_epochs * (steps_per_epoch or 1)) if warmup_epochs else 0.0
        self.last_ramp = 2.0 * self.ramp_steps * (warmup_cycles - 1)
        self.warmup_steps = self.last_ramp + self.ramp_steps
        self.free_bits = free_bits
        self.free_bits_per: Per = free_bits_per
        if free_bits_per == "latent":
            self.posterior = "diagonal"
        self.couples_rows = free_bits > 0
        if beta >= 1:
            self.bound = "upper" if free_bits or beta > 1 else "tight"

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        _, log_likelihood, kl = elbo_parts(vae, batch, seed, self.kl, self.samples, self.free_bits_per)
        beta = self.beta_at(step)
        penalty = kl  # [B], or [B, G] of each latent or block
        if self.free_bits:
            penalty = tf.where(whole_batch_mean(kl, batch.weights) <= self.free_bits, self.free_bits, kl)
        if self.free_bits_per != "all":
            kl, penalty = tf.reduce_sum(kl, axis=-1), tf.reduce_sum(penalty, axis=-1)  # [B], [B]
        terms = {"negative_log_likelihood": -log_likelihood, "kl": kl, "beta": tf.fill(tf.shape(kl), beta)}
        return Losses(beta * penalty - log_likelihood, terms)

    def beta_at(self, step: Tensor) -> Tensor:
        """The weight of the KL at a step: a scalar."""
        if not self.ramp_steps:
            return tf.constant(self.beta, tf.float32)
        step = tf.cast(step, tf.float32)
        within = tf.where(step < self.last_ramp, step % (2.0 * self.ramp_steps), step - self.last_ramp)
        return self.beta * tf.minimum(1.0, within / self.ramp_steps)

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring. For an estimated KL, on which side of its floor it is has no formula."""
        beta = self.beta
        if self.ramp_steps:
            within = step % (2.0 * self.ramp_steps) if step < self.last_ramp else step - self.last_ramp
            beta *= min(1.0, within / self.ramp_steps)
        if self.free_bits and self.kl == "monte_carlo":
            return {"beta": beta}
        kl = exact.kl_by_latent if self.free_bits_per == "latent" else exact.kl[:, None]  # [B, D] or [B, 1]
        penalty = np.where(kl.mean(axis=0) > self.free_bits, kl, self.free_bits).sum(axis=-1)  # [B]
        return {"beta": beta, "loss": exact.negative_log_likelihood + beta * penalty}

    def check(self, vae: VAE) -> None:
        """Check that the objective can be used with a model.

        Raises:
            ConfigError: as of every objective; or the KL is not known as asked for, or not latent by latent.
        """
        super().check(vae)
        self.describe(vae)

    def untrained(self, labelled: bool) -> Mapping[str, str]:
        """The prior, if the KL does not count."""
        return {} if self.beta else {"prior": "beta = 0 leaves the KL out of the loss"}

    def describe(self, vae: VAE) -> dict[str, str]:
        """The form of the KL for this model."""
        return {"kl": resolve_kl(self.kl, vae, self.free_bits_per)}


def elbo_parts(
    vae: VAE, batch: Batch, seed: Seed, kl: str = "auto", samples: int = 1, per: Per = "all"
) -> tuple[Tensor, Tensor, Tensor]:
    """Latents z ~ q(z|x) of a batch, and the two parts of the evidence lower bound, in nats per example.

    Returns:
        z [S, B, D], the mean of log p(x|z) over them [B], and KL(q(z|x) || p(z)), as `chosen_kl` has it: [B], or
        of each latent or block [B, G].
    """
    q = vae.posterior(batch.x, batch.condition)  # [B], [D]
    p = vae.prior_given(batch.condition, batch.rows)  # [] or [B], [D]
    z, log_q = sample_and_log_prob(q, samples, seed)  # [S, B, D], [S, B]
    if per == "latent":
        q, p = latent_by_latent(q, p)  # [B, D], []
        log_q = q.log_prob(z)  # [S, B, D]
    divergence = kl_by_block(q, p, z, vae.blocks) if per == "block" else chosen_kl(kl, q, p)
    if divergence is None:
        divergence = tf.reduce_mean(log_q - p.log_prob(z), axis=0)
    log_likelihood = vae.log_likelihood(batch.x, z, batch.condition, batch.observed)  # [S, B]
    return z, tf.reduce_mean(log_likelihood, axis=0), divergence

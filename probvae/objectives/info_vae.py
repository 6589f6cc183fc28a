"""The InfoVAE, which compares the aggregate posterior with the prior by a maximum mean discrepancy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge

from probvae.core import (
    VAE,
    Array,
    Batch,
    Exact,
    Losses,
    Objective,
    PositiveFloat,
    Seed,
    Tensor,
    fold_in,
    same_example,
    whole_batch,
)
from probvae.errors import ConfigError
from probvae.objectives.elbo import elbo_parts
from probvae.objectives.kl import resolve_kl


class InfoVAE(Objective):
    """The negative log-likelihood with a weight for the KL and one for a maximum mean discrepancy.

    loss(x) = -E_q[log p(x|z)] + beta KL(q(z|x) || p(z)) + weight MMD²(q(z), p(z)), in nats per example

    MMD² = E[k(z, z') + k(u, u') - 2 k(z, u)], z, z' ~ q(z) = E_x[q(z|x)], u, u' ~ p(z)

    with k(a, b) = exp(-|a - b|² / (2 D width²)), which has no unit (Zhao, Song, Ermon, InfoVAE: information
    maximizing variational autoencoders, 2017). With beta = 0 it is the MMD-VAE. The estimate from all pairs of
    different examples of a batch, and as many samples of the prior, has no bias: its mean is 0 where q(z) = p(z),
    and it may be negative (Gretton, Borgwardt, Rasch, Schölkopf, Smola, A kernel two-sample test, 2012). One
    example alone has no pairs, and gets 0.

    Args:
        beta: the weight of the KL.
        weight: that of MMD².
        width: of the kernel: 1 suits a prior with variances of 1.

    Raises:
        ConfigError: the prior is learned, and its samples carry no gradients.
    """

    terms = ("negative_log_likelihood", "kl", "mmd")
    couples_rows = True

    def __init__(
        self, beta: Annotated[float, Ge(0)] = 0.0, weight: PositiveFloat = 1000.0, width: PositiveFloat = 1.0
    ) -> None:
        self.beta = beta
        self.weight = weight
        self.width = width

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        z, log_likelihood, kl = elbo_parts(vae, batch, seed)  # [1, B, D], [B], [B]
        mmd = tf.fill(tf.shape(kl), self._mmd(vae, batch, z[0], fold_in(seed, 1)))  # [B]
        terms = {"negative_log_likelihood": -log_likelihood, "kl": kl, "mmd": mmd}
        return Losses(self.beta * kl + self.weight * mmd - log_likelihood, terms)

    def _mmd(self, vae: VAE, batch: Batch, z: Tensor, seed: Seed) -> Tensor:
        """MMD² of latents z [B, D] and samples of the prior: a scalar, of the whole batch."""
        weights = whole_batch(tf.ones_like(z[:, 0]) if batch.weights is None else batch.weights)  # [N]
        condition = None if batch.condition is None else whole_batch(batch.condition)  # [N, C]
        z = whole_batch(z)  # [N, D]
        u = vae.sample_latents(tf.shape(z)[0], seed, condition)  # [N, D]
        pairs = weights * weights[:, None] * (1.0 - same_example(batch))  # [N, N]
        differences = self._kernel(z, z) + self._kernel(u, u) - 2.0 * self._kernel(z, u)  # [N, N]
        return tf.math.divide_no_nan(tf.reduce_sum(pairs * differences), tf.reduce_sum(pairs))

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """K of all rows of a [N, D] with all of b [N, D]: [N, N]."""
        squares = tf.reduce_sum(a**2, axis=-1)[:, None] + tf.reduce_sum(b**2, axis=-1)  # |a|² + |b|²
        distance = tf.maximum(squares - 2.0 * tf.matmul(a, b, transpose_b=True), 0.0)
        return tf.exp(-0.5 * distance / (self.width**2 * a.shape[-1]))

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """Where q(z|x) is the prior for every x, MMD² is 0."""
        return {} if exact.kl.max() > 1e-6 else {"mmd": 0.0}

    def check(self, vae: VAE) -> None:
        """Check that the objective can be used with a model.

        Raises:
            ConfigError: the prior is learned, and its samples carry no gradients.
        """
        super().check(vae)
        p = vae.prior_given(vae.zeros(1).condition)
        learned = vae.prior.trainable_variables
        if learned and p.reparameterization_type != tfp.distributions.FULLY_REPARAMETERIZED:
            raise ConfigError(
                "info_vae objective: expected a prior that is fixed, or whose samples carry gradients to its "
                f"variables; got {type(vae.prior).__name__}. Use the prior 'standard_normal', 'realnvp' or "
                "'spline', or another objective."
            )

    def describe(self, vae: VAE) -> dict[str, str]:
        """The form of the KL for this model."""
        return {"kl": resolve_kl("auto", vae)}

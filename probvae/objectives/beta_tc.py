"""The evidence lower bound with a weight for the total correlation of the latents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import tensorflow as tf
from annotated_types import Ge

from probvae.core import (
    VAE,
    Array,
    Batch,
    Distribution,
    Exact,
    Losses,
    Objective,
    Positive,
    Replicas,
    Seed,
    Tensor,
    of_each_latent,
    same_example,
    sample_and_log_prob,
    whole_batch,
)
from probvae.objectives.elbo import ELBO

_LEAST = 1e-30
"""Smaller shares count as none: their logarithm has a slope that single precision cannot hold."""


class BetaTC(Objective):
    """The negative evidence lower bound, whose KL is split into three parts, one of them with a weight.

    loss(x) = -log p(x|z) + [log q(z|x) - log q(z)] + beta [log q(z) - sum_d log q(z_d)]
              + [sum_d log q(z_d) - log p(z)], z ~ q(z|x), in nats per example

    The parts are, on average over the data, the mutual information of x and z, the total correlation of latents
    under the aggregate posterior q(z) = 1/N sum_n q(z|x_n), and the KL of its marginals from the prior (Chen, Li,
    Grosse, Duvenaud, Isolating sources of disentanglement in variational autoencoders, 2018). With beta = 1 it is
    the evidence lower bound.

    q(z) is estimated by stratified weights: 1/N for the example that z is from, and the rest, (N - 1)/N, shared by
    the others of the batch. This has no bias in q(z); its logarithm has one, which vanishes as the batch grows to
    N. The paper gives one of the others another weight; here they have the mean of these weights, so that their
    order does not matter.

    Args:
        train_size: N, the number of training examples; a spec supplies it.
        beta: the weight of the total correlation.
    """

    terms = ("negative_log_likelihood", "mutual_information", "total_correlation", "dimension_wise_kl")
    couples_rows = True
    posterior = "diagonal"

    def __init__(self, train_size: Positive, beta: Annotated[float, Ge(0)] = 6.0) -> None:
        self.train_size = train_size
        self.beta = beta

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        q, p = vae.posterior(batch.x, batch.condition), vae.prior_given(batch.condition, batch.rows)  # [B], [D]
        z, log_q = (drawn[0] for drawn in sample_and_log_prob(q, 1, seed))  # [B, D], [B]
        weights = tf.ones_like(log_q) if batch.weights is None else batch.weights  # [B]
        of_z, of_each = self._aggregate(q, z, weights, same_example(batch))  # [B], [B, D]: log q(z), log q(z_d)
        of_marginals = tf.reduce_sum(of_each, axis=-1)  # [B]
        negative = -vae.log_likelihood(batch.x, z, batch.condition, batch.observed)  # [B]
        parts = (negative, log_q - of_z, of_z - of_marginals, of_marginals - p.log_prob(z))
        loss = parts[0] + parts[1] + self.beta * parts[2] + parts[3]
        return Losses(loss, dict(zip(self.terms, parts, strict=True)))

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """As in the class's docstring."""
        return [(cls(100, beta=1.0), ELBO("monte_carlo"))]

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """Where q(z|x) is the prior for every x, the latents are independent, of each other and of x."""
        return {} if exact.kl.max() > 1e-6 else dict.fromkeys(self.terms[1:], 0.0)

    def _aggregate(self, q: Distribution, z: Tensor, weights: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
        """Estimates of log q(z) [B] and log q(z_d) [B, D] at z [B, D] by all rows of the whole batch.

        Args:
            q: q(z|x) of the rows, [B], [D].
            z: [B, D].
            weights: of the rows, [B].
            same: 1 where two rows of the whole batch are of one example, [N, N].
        """
        each = of_each_latent(q)  # [B, D], []
        assert each is not None  # as `check` has seen
        own = each.log_prob(whole_batch(z)[:, None])  # [N, B, D]: log q(z_id|x_j) in [i, j, d]
        every = whole_batch(tf.transpose(own, (1, 0, 2)))  # [N, N, D], in [j, i, d]
        shares = self._log_shares(whole_batch(weights), same)  # [N, N], in [j, i]
        of_z = tf.reduce_logsumexp(shares + tf.reduce_sum(every, axis=-1), axis=0)  # [N]
        of_each = tf.reduce_logsumexp(shares[..., None] + every, axis=0)  # [N, D]
        return Replicas.here().share((of_z, of_each))

    def _log_shares(self, weights: Tensor, same: Tensor) -> Tensor:
        """The log share of q(z|x_j) in q(z) at the z of row i, in [j, i]: [N, N]. Rows of weight 0 have none."""

        def among(rows: Tensor) -> Tensor:
            weighted = rows * weights[:, None]
            return tf.math.divide_no_nan(weighted, tf.reduce_sum(weighted, axis=0))

        own = 1.0 / self.train_size
        shares = own * among(same) + (1.0 - own) * among(1.0 - same)
        shares /= tf.reduce_sum(shares, axis=0)  # one example alone has all
        some = shares > _LEAST
        return tf.where(
            some, tf.math.log(tf.where(some, shares, 1.0)), -math.inf
        )  # with a gradient to the weights

"""The rate: the part of the evidence lower bound that depends on the prior."""

from __future__ import annotations

from collections.abc import Mapping

from probvae.core import VAE, Array, Batch, Exact, Losses, Objective, Seed, Tensor, sample_and_log_prob


class Rate(Objective):
    """The KL from the posterior to the prior, by which a prior is fitted to a trained encoder.

    loss(x) = log q(z|x) - log p(z) at one z ~ q(z|x), in nats per example

    On average this is the rate of Alemi, Poole, Fischer, Dillon, Saurous, Murphy, Fixing a broken ELBO (2018): the
    negative evidence lower bound without the likelihood, so that no decoder is evaluated. With the encoder and the
    decoder frozen, its gradient is that of the cross-entropy -E[log p(z)] from the aggregate posterior
    1/N sum_n q(z|x_n) to the prior, the second stage of Dai and Wipf, Diagnosing and enhancing VAE models (2019).
    `probvae refit` trains by it.
    """

    terms = ("cross_entropy", "posterior_entropy")

    def __init__(self) -> None:
        pass

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        q, p = vae.posterior(batch.x, batch.condition), vae.prior_given(batch.condition, batch.rows)  # [B], [D]
        z, log_q = (drawn[0] for drawn in sample_and_log_prob(q, 1, seed))  # [B, D], [B]
        log_p = p.log_prob(z)  # [B]
        return Losses(log_q - log_p, {"cross_entropy": -log_p, "posterior_entropy": -log_q})

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring."""
        return {"loss": exact.kl}

    def untrained(self, labelled: bool) -> Mapping[str, str]:
        """The decoder."""
        return {"decoder": "the rate does not depend on it"}

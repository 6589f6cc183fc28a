"""The evidence lower bound in two parts."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from probvae.components.metrics.chunks import check_finite, chunks
from probvae.core import (
    VAE,
    Array,
    Batch,
    Data,
    Distribution,
    Measurement,
    Metric,
    Seed,
    Tensor,
    block_log_probs,
    exact_kl,
    of_each_latent,
    sample_and_log_prob,
)

COLLAPSED = 0.01
"""Latents with fewer nats, on average over the examples, carry almost no information about them."""


class RateDistortion(Metric):
    """The two parts of the evidence lower bound: the loss of reconstructions and the KL, in nats per example.

    distortion = -E_q[log p(x|z)],  rate = KL(q(z|x) || p(z)),  ELBO = -(distortion + rate)

    Means over the test examples (Alemi, Poole, Fischer, Dillon, Saurous and Murphy, Fixing a broken ELBO, 2018).
    The distortion is estimated with one z ~ q(z|x) for each example, and so is the rate where TensorFlow
    Probability registers no KL. `rate_of_latents` is the rate of each latent, where q and p are products over
    them; `rate_of_z2` and so on that of each block of a hierarchy, given those above it. A rate below 0.01 nats is
    reported as posterior collapse. The distortion of an example with missing values is that of its known elements.
    """

    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The numbers: a function of the seed."""
        parts = [_parts(vae, batch, noise) for batch, noise in chunks(data.test, seed)]
        found = {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}
        check_finite(-found["distortion"], data.test, "log p(x|z)")
        return {name: _measurement(name, values) for name, values in found.items()}


def _measurement(name: str, values: Array) -> Measurement:
    found = Measurement.mean(values, "nats per example")
    if name == "distortion" or isinstance(found.value, tuple) or found.value >= COLLAPSED:
        return found
    what = "z" if name == "rate" else name.removeprefix("rate_of_")
    note = (
        f"posterior collapse: below {COLLAPSED} nats, the posterior of {what} is nearly its prior, so that "
        f"{what} has almost no information about x"
    )
    return Measurement(found.value, found.unit, found.standard_error, note)


def _parts(vae: VAE, batch: Batch, noise: Tensor) -> dict[str, Tensor]:
    """The numbers of each example: [B], or [B, D] of each latent."""
    q = vae.posterior(batch.x, batch.condition)  # [B], [D]
    p = vae.prior_given(batch.condition)  # [] or [B], [D]
    z, log_q = sample_and_log_prob(q, 1, noise)  # [1, B, D], [1, B]
    log_likelihood = vae.log_likelihood(batch.x, z, batch.condition, batch.observed)  # [1, B]
    kl = exact_kl(q, p)
    found = {"distortion": -log_likelihood[0], "rate": (log_q - p.log_prob(z))[0] if kl is None else kl}
    if (each := _of_latents(q, p, z)) is not None:
        found["rate_of_latents"] = each
    if len(vae.blocks) > 1:
        of_q, of_p = (block_log_probs(distribution, z, vae.blocks) for distribution in (q, p))  # [1, B, G] each
        if of_q is not None and of_p is not None:
            of_blocks = tf.unstack((of_q - of_p)[0], axis=-1)
            found |= {f"rate_of_{name}": rate for name, rate in zip(vae.blocks, of_blocks, strict=True)}
    return found


def _of_latents(q: Distribution, p: Distribution, z: Tensor) -> Tensor | None:
    """The KL of each latent, [B, D]; None where q or p is no product over the latents."""
    of_q, of_p = of_each_latent(q), of_each_latent(p)
    if of_q is None or of_p is None:
        return None
    kl = exact_kl(of_q, of_p)
    return (of_q.log_prob(z) - of_p.log_prob(z))[0] if kl is None else kl

"""How many latents depend on x."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from probvae.components.metrics.chunks import chunks
from probvae.core import (
    VAE,
    Array,
    Batch,
    Data,
    Measurement,
    Metric,
    PositiveFloat,
    Seed,
    Tensor,
    fold_in,
    mean_of,
)

DRAWS = 50
"""How many draws of z for each x take the place of a mean that the posterior does not have."""


class ActiveUnits(Metric):
    """How many latents are active: their posterior mean changes with x.

    a_d = Var_x(E[z_d|x]),  active_units = the number of d with a_d > threshold

    The variance is over the test examples (Burda, Grosse and Salakhutdinov, Importance weighted autoencoders,
    2016); of a conditional model x and its condition both vary. `activity` is a_d of each latent, in squared
    units of z. Where the posterior has no mean, as that of a hierarchy or a flow, a_d is estimated with 50 draws
    of z for each x: the covariance over x of the means of two times 25, whose errors are independent.

    Args:
        threshold: the least a_d of a latent that counts, as in the paper.
    """

    def __init__(self, threshold: PositiveFloat = 0.01) -> None:
        self.threshold = threshold

    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The numbers: a function of the seed."""
        parts = [_two_means(vae, batch, noise) for batch, noise in chunks(data.test, seed)]
        one, other = (np.concatenate(each).astype(np.float64) for each in zip(*parts, strict=True))  # [N, D]
        activity = np.mean((one - one.mean(axis=0)) * (other - other.mean(axis=0)), axis=0)
        active, exact = int(np.sum(activity > self.threshold)), np.array_equal(one, other)
        note = "" if exact else f"estimated with {DRAWS} draws of z for each x, as the posterior has no mean"
        if len(one) < 2:
            note = "one example has no variance: evaluate several"
        elif not active:
            note = "; ".join(filter(None, ["posterior collapse: no latent depends on x", note]))
        return {
            "active_units": Measurement(active, f"of {vae.latent_dim} latents", note=note),
            "activity": Measurement(tuple(activity.tolist()), "variance of E[z|x]"),
        }


def _two_means(vae: VAE, batch: Batch, noise: Tensor) -> tuple[Array, Array]:
    """E[z|x] twice, or two estimates of it whose errors are independent: [B, D] each.

    The draws within an estimate may depend on each other, as those of a mixture do.
    """
    q = vae.posterior(batch.x, batch.condition)
    means = mean_of(q)
    if means is not None:
        return means.numpy(), means.numpy()
    one, other = (
        tf.reduce_mean(q.sample(DRAWS // 2, seed=fold_in(noise, number)), axis=0).numpy() for number in range(2)
    )
    return one, other

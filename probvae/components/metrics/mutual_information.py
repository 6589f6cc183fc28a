"""How much the latents say about which example they are of."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from probvae.components.metrics.chunks import chunks, some_of
from probvae.core import VAE, Array, Data, Measurement, Metric, Positive, Seed, Tensor
from probvae.errors import ConfigError

_LARGEST = 2**22
"""How many numbers a block of densities takes."""

_NEAR = 0.5
"""Nats below log M at which the estimate says more about M than about the model."""


class MutualInformation(Metric):
    """The mean KL in two parts: the information of z about the example, and the KL from q(z) to the prior.

    mean KL = I_q(n; z) + KL(q(z) || p(z)),  q(z) = 1/M sum_n q(z|x_n)
    I_q(n; z) = 1/M sum_n E_q(z|x_n)[log q(z|x_n) - log q(z)]

    In nats, with one z ~ q(z|x_n) for each of M examples (Hoffman and Johnson, ELBO surgery: yet another way to
    carve up the variational evidence lower bound, 2016). I is at most log M: where it is near, it is a lower bound
    on the mutual information of x and z, and the marginal KL an upper bound on that of the whole data. It takes M²
    densities. The standard errors are over the examples, with q(z) as it is.

    Args:
        max_examples: M at most; of a larger test split, this many are chosen at random.
    """

    def __init__(self, max_examples: Positive = 5_000) -> None:
        self.max_examples = max_examples

    def check(self, vae: VAE, data: Data) -> None:
        """Check that all examples have the same prior.

        Raises:
            ConfigError: they have not.
        """
        super().check(vae, data)
        if vae.prior.condition_dim:
            raise ConfigError(
                "mutual_information metric: expected one prior for all examples, as their q(z) is compared with "
                f"it; got {type(vae.prior).__name__}, a prior given the condition. Leave the metric out."
            )

    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The numbers: a function of the seed."""
        rows = some_of(np.arange(len(data.test)), self.max_examples, seed)
        parts = []
        for batch, noise in chunks(data.test, seed, rows):
            z = vae.posterior(batch.x, batch.condition).sample(seed=noise)
            parts.append((z, vae.prior_given(batch.condition).log_prob(z)))
        z, prior = (tf.concat(part, axis=0) for part in zip(*parts, strict=True))  # [M, D], [M]
        own, aggregate = _log_posteriors(vae, data, seed, rows, z)
        information = Measurement.mean(own - aggregate, "nats")
        note = ""
        if (most := math.log(len(rows))) - float(np.mean(own - aggregate)) < _NEAR:
            note = (
                f"within {_NEAR} of log {len(rows):,} = {most:.2f} nats, the most that {len(rows):,} examples can "
                "show: a lower bound on the mutual information of x and z"
            )
        return {
            "mutual_information": Measurement(information.value, "nats", information.standard_error, note),
            "marginal_kl": Measurement.mean(aggregate - prior.numpy(), "nats"),
        }


def _log_posteriors(vae: VAE, data: Data, seed: Seed, rows: Array, z: Tensor) -> tuple[Array, Array]:
    """Log q(z_n|x_n) and log q(z_n) of the latents [M, D] of some rows, q(z) their mean: float64 [M] each."""
    own: list[Array] = []
    total = np.full(len(rows), -np.inf)
    for batch, _ in chunks(data.test, seed, rows):
        q, count = vae.posterior(batch.x, batch.condition), len(batch.x)  # [B], [D]
        place = sum(map(len, own))
        own.append(q.log_prob(z[place : place + count]).numpy())
        size = max(1, _LARGEST // (count * vae.latent_dim))
        for few in (slice(start, start + size) for start in range(0, len(rows), size)):
            pairs = tf.repeat(z[few, None], count, axis=1)  # [few, B, D]
            log_q = tf.reduce_logsumexp(tf.cast(q.log_prob(pairs), tf.float64), axis=1)
            total[few] = np.logaddexp(total[few], log_q.numpy())
    return np.concatenate(own).astype(np.float64), total - math.log(len(rows))

"""The importance-weighted bound for the decoder, and a mean of several for the encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import VAE, Array, Batch, Exact, Losses, Objective, Positive, Seed, Tensor
from probvae.objectives.iwae import IWAE
from probvae.objectives.miwae import MIWAE
from probvae.objectives.paths import log_weight_paths


class PIWAE(Objective):
    """The negative importance-weighted bound of M S samples, of which the encoder gets another gradient.

    loss(x) = -log 1/(M S) sum_ms p(x, z_ms) / q(z_ms|x), z_ms ~ q(z|x), in nats per example

    The parameters of p get the gradient of this loss, those of q the gradient of `miwae`, the mean of M bounds
    of S samples each, at the same samples. So p is trained by the tightest bound, and q by one whose gradient
    has a better ratio of signal to noise (Rainforth, Kosiorek, Le, Maddison, Igl, Wood, Teh, Tighter variational
    bounds are not necessarily better, 2018, where S is K). It is not the gradient of one loss.

    Args:
        repeats: M, the number of bounds for the encoder.
        samples: S, the number of importance samples of each.
    """

    terms = ("negative_elbo",)
    bound = "tight"

    def __init__(self, repeats: Positive = 4, samples: Positive = 4) -> None:
        self.repeats = repeats
        self.samples = samples

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        log_w, sample, score = log_weight_paths(vae, batch, self.repeats * self.samples, seed)  # [M S, B] each
        tightest = tfp.math.reduce_logmeanexp(log_w, axis=0)  # [B], with a gradient to p only
        mean = MIWAE(self.repeats, self.samples).mean_bound(tf.stop_gradient(log_w) + sample + score)  # to q only
        bound = tightest + mean - tf.stop_gradient(mean)
        return Losses(-bound, {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """As in the class's docstring."""
        return [(cls(2, 3), IWAE(6))]

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring."""
        return {"loss": exact.importance_weighted(self.repeats * self.samples)}

    def targets(self) -> Mapping[str, Objective]:
        """The encoder minimises the mean of M bounds."""
        return {"encoder": MIWAE(self.repeats, self.samples)}

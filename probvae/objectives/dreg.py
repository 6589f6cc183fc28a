"""The importance-weighted bound with doubly reparameterized gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import VAE, Array, Batch, Exact, Losses, Objective, Positive, Seed, Tensor
from probvae.objectives.iwae import IWAE
from probvae.objectives.paths import log_weight_paths


class DReG(Objective):
    """The negative importance-weighted bound, whose gradient for the encoder varies less.

    loss(x) = -log 1/S sum_s w_s, w_s = p(x, z_s) / q(z_s|x), z_s ~ q(z|x), in nats per example

    The value is that of `iwae`, and so is the gradient to the parameters of p. To those of q it is

        -sum_s v_s² ∂ log w_s/∂z_s dz_s, v_s = w_s / sum_t w_t,

    which has the same mean and no noise where q(z|x) is the exact posterior. Its signal does not vanish in noise
    as S grows (Tucker, Lawson, Gu, Maddison, Doubly reparameterized gradient estimators for Monte Carlo
    objectives, 2019). It takes one more pass back through the decoder than `iwae`.

    Args:
        samples: S, the number of importance samples per example.
    """

    terms = ("negative_elbo",)
    bound = "tight"
    less_variance = True
    posterior = "independent"

    def __init__(self, samples: Positive = 5) -> None:
        self.samples = samples

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        log_w, sample, _ = log_weight_paths(vae, batch, self.samples, seed)  # [S, B] each
        v = tf.stop_gradient(tf.nn.softmax(log_w, axis=0))  # [S, B]
        bound = tfp.math.reduce_logmeanexp(log_w, axis=0) + tf.reduce_sum(v**2 * sample, axis=0)  # [B]
        return Losses(-bound, {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """As in the class's docstring."""
        return [(cls(3), IWAE(3))]

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring."""
        return {"loss": exact.importance_weighted(self.samples)}

    def targets(self) -> Mapping[str, Objective]:
        """The gradient of the encoder is that of the importance-weighted bound."""
        return {"encoder": IWAE(self.samples)}

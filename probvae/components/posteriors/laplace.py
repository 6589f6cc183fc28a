"""A posterior with heavier tails than a normal."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.scales import softplus_scale
from probvae.core import Distribution, Positive, PosteriorHead, Tensor, uniform_noise

tfd = tfp.distributions


class _Laplace(tfd.Laplace):  # type: ignore
    """A Laplace distribution whose numbers come row by row, and the same with XLA as without."""

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        shape = tf.concat([[n], tf.shape(self.loc), [2]], axis=0)
        u = uniform_noise(shape, tfp.random.sanitize_seed(seed))
        noise = tf.math.log(u[..., 0] / u[..., 1])  # the difference of two exponential numbers
        return self.loc + self.scale * tf.ensure_shape(noise, [None, *self.loc.shape])


class LaplacePosterior(PosteriorHead):
    """Independent Laplace distributions, batch [B] and event [D].

    q(z|x) = prod_d exp(-|z_d - loc_d(x)| / scale_d(x)) / (2 scale_d(x)), scale = softplus(raw + 1e-5) + 1e-4

    With the prior `laplace` the KL is exact; with others it is estimated from samples.

    Args:
        latent_dim: D, the size of one latent.
    """

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.output_shape = (2 * latent_dim,)

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from outputs [..., 2 D]: [...], [D]."""
        loc, raw = tf.split(outputs, 2, axis=-1)  # [B, D] each
        return tfd.Independent(_Laplace(loc, softplus_scale(raw)), reinterpreted_batch_ndims=1)  # [B], [D]

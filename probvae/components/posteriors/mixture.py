"""A mixture of normals, whose samples are spread evenly over its components."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.scales import softplus_scale
from probvae.core import Distribution, Positive, PosteriorHead, Tensor, normal_noise, split_seed, uniform_noise

tfd = tfp.distributions


class MixturePosterior(PosteriorHead):
    """A mixture of K diagonal normals with equal weights, batch [B] and event [D], sampled evenly.

    q(z|x) = 1/K sum_k N(z; loc_k(x), diag(scale_k(x)²)), scale = softplus(raw + 1e-5) + 1e-4

    Of S samples for an example, sample s is from component (s + offset) mod K with a random offset: any K in a row
    take each component once, and each by itself is from q. So a mean over samples is unbiased and varies less than
    with independent ones; with K of them the evidence lower bound is the MISELBO of Kviman, Melin, Koptagel,
    Elvira, Lagergren (Multiple importance sampling ELBO and deep ensembles of variational approximations, 2022).
    As the weights are constant, the gradient through the component that was drawn is all of it.

    Args:
        latent_dim: D, the size of one latent.
        components: K, how many normals are mixed; most is gained with K samples per example, or a multiple.
    """

    def __init__(self, latent_dim: Positive, components: Positive = 4) -> None:
        super().__init__()
        self.components = components
        self.output_shape = (2 * components * latent_dim,)

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from outputs [B, 2 K D]: [B], [D]."""
        each = tf.stack(tf.split(outputs, self.components, axis=-1), axis=-2)  # [B, K, 2 D]
        loc, raw = tf.split(each, 2, axis=-1)  # [B, K, D] each
        equal = tfd.Categorical(logits=tf.zeros_like(loc[..., 0]))  # [B], []
        normals = tfd.Independent(tfd.Normal(loc, softplus_scale(raw)), reinterpreted_batch_ndims=1)  # [B, K], [D]
        return StratifiedMixture(equal, normals, reparameterize=True)  # [B], [D]


class StratifiedMixture(tfd.MixtureSameFamily):  # type: ignore
    """A mixture of K normals with equal weights, sampled as `MixturePosterior` says: [B], [D]."""

    stratified = True

    def _call_sample_n(self, sample_shape: Any, seed: Any, **_: Any) -> Tensor:
        """Samples [*sample_shape, B, D], spread evenly along the first axis; the others are as rows are."""
        sample_shape = tf.reshape(tf.cast(sample_shape, tf.int32), [-1])
        of_offset, of_noise = split_seed(tfp.random.sanitize_seed(seed), 2)
        loc, scale = self.components_distribution.mean(), self.components_distribution.stddev()  # [B, K, D] each
        S, K = sample_shape[0] if sample_shape.shape[0] else 1, tf.shape(loc)[-2]
        rows = tf.concat([sample_shape[1:], tf.shape(loc)[:-2]], axis=0)  # [..., B]
        offset = tf.cast(tf.cast(K, tf.float32) * uniform_noise(rows, of_offset), tf.int32)
        order = tf.reshape(tf.range(S), tf.concat([[S], tf.ones_like(rows)], axis=0))
        drawn = tf.one_hot((order + offset) % K, K)[..., None]  # [S, ..., B, K, 1]
        loc, scale = (tf.reduce_sum(drawn * each, axis=-2) for each in (loc, scale))  # [S, ..., B, D] each
        z = loc + scale * normal_noise(tf.shape(loc), of_noise)
        z = z if sample_shape.shape[0] else z[0]
        return self._set_sample_static_shape(z, sample_shape)

"""Divergences between a posterior and a prior: of all latents, of each latent and of each block of them."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core.distributions import factors
from probvae.core.hierarchy import Hierarchy
from probvae.core.types import Distribution, Tensor

tfd = tfp.distributions


def exact_kl(q: Distribution, p: Distribution) -> Tensor | None:
    """KL(q || p) of q [B], [D] and p [] or [B], [D]: [B], in nats; None where TFP registers no closed form."""
    try:
        return tfd.kl_divergence(q, p)
    except NotImplementedError:
        return None


def of_each_latent(distribution: Distribution) -> Distribution | None:
    """A distribution of latents as those of each: [batch, D], []; None where it is no product over them."""
    if isinstance(distribution, tfd.MultivariateNormalDiag):
        return tfd.Normal(distribution.mean(), distribution.stddev())
    return factors(distribution)


def block_log_probs(distribution: Distribution, z: Tensor, blocks: Mapping[str, int]) -> Tensor | None:
    """The log-density of each of G blocks of latents given those above it, in nats.

    Args:
        distribution: of the latents, [batch], [D].
        z: [..., *batch, D].
        blocks: the sizes of the blocks by name, as `VAE.blocks`.

    Returns:
        [..., *batch, G]; None where the distribution is neither a hierarchy nor a product over the latents.
    """
    if isinstance(distribution, Hierarchy):
        return tf.stack([*distribution.block_log_probs(z).values()], axis=-1)
    each = of_each_latent(distribution)
    if each is None:
        return None
    parts = tf.split(each.log_prob(z), [*blocks.values()], axis=-1)
    return tf.stack([tf.reduce_sum(part, axis=-1) for part in parts], axis=-1)

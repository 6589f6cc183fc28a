"""Marginal distributions of two latents, in closed form."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import Distribution

tfd = tfp.distributions


def marginal(distribution: Distribution, axes: tuple[int, int]) -> Distribution | None:
    """The marginal distribution of two elements of an event [D]; None where it has no closed form here.

    Implemented for normals with any covariance, independent elements, and mixtures of these.

    Args:
        distribution: [...], [D].
        axes: the two indices, ascending.

    Returns:
        [...], [2].
    """
    if tuple(distribution.event_shape) == (2,):
        return distribution
    match distribution:
        case tfd.MixtureSameFamily():
            components = marginal(distribution.components_distribution, axes)
            return components and tfd.MixtureSameFamily(distribution.mixture_distribution, components)
        case tfd.MultivariateNormalLinearOperator():
            return _normal(distribution, axes)
        case tfd.Independent() if distribution.distribution.event_shape.rank == 0:
            first, second = axes
            pair = distribution.distribution[..., first : second + 1 : second - first]  # [..., 2], []
            return tfd.Independent(pair, reinterpreted_batch_ndims=1)
    return None


def _normal(normal: Any, axes: tuple[int, int]) -> Distribution:
    """Z = loc + scale @ noise has the mean loc and the covariance scale @ scale^T; in double precision."""
    one_hot = tf.one_hot(axes, normal.event_shape[0], dtype=normal.dtype)  # [2, D]
    rows = tf.stack([normal.scale.matvec(row, adjoint=True) for row in tf.unstack(one_hot)], axis=-2)
    rows = tf.cast(rows, tf.float64)  # [..., 2, D]
    root = tf.linalg.cholesky(tf.matmul(rows, rows, transpose_b=True))  # [..., 2, 2]
    return tfd.MultivariateNormalTriL(tf.gather(normal.mean(), axes, axis=-1), tf.cast(root, normal.dtype))

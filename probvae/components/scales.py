"""Positive scales, and bounded logarithms of them, from unconstrained numbers."""

from __future__ import annotations

from math import expm1, log

import tensorflow as tf

from probvae.core import Tensor

FLOOR = 1e-4
"""The default floor: softplus(-120) is 0 in float32, and a scale of 0 makes every density NaN."""


def softplus_scale(raw: Tensor, floor: float = FLOOR) -> Tensor:
    """softplus(raw + 1e-5) + floor, the reference recipe's scale with a floor under it."""
    return tf.nn.softplus(raw + 1e-5) + floor


def raw_scale(scale: float, floor: float = FLOOR) -> float:
    """The raw number that `softplus_scale` maps to `scale`, which must be above the floor.

    >>> round(float(softplus_scale(raw_scale(0.001))), 6)
    0.001
    """
    above = scale - floor
    return above + log(-expm1(-above)) - 1e-5


def soft_clip(raw: Tensor, low: float, high: float) -> Tensor:
    """Numbers clipped softly to a range, with a positive slope outside of it too.

    low + softplus(t - low) - softplus(t - high), with t = raw + the number of the range that is nearest to 0:
    about t inside of the range, and low and high far outside.

    In the upper half this is computed as its mirror image in the lower half. There both softplus are of negative
    numbers, and keep their digits: the slope is positive as far as 80 above the range, as it is below.

    >>> [round(float(soft_clip(raw, -6.0, 2.0)), 2) for raw in (-100.0, -2.0, 0.0, 100.0)]
    [-6.0, -2.0, -0.12, 2.0]
    """
    t = raw + min(max(0.0, low), high)
    upper = t > (low + high) / 2
    mirrored = tf.where(upper, low + high - t, t)
    inwards = tf.nn.softplus(mirrored - low) - tf.nn.softplus(mirrored - high)
    return tf.where(upper, high - inwards, low + inwards)


def bounded(log_scale: Tensor) -> Tensor:
    """Log-scales within (-3, 3): one layer of a flow cannot blow the density up, and several reach any scale."""
    return 3.0 * tf.tanh(log_scale / 3.0)


def log_rate(raw: Tensor) -> Tensor:
    """The logarithm of the mean of a count: the numbers themselves, clipped softly to the range from -30 to 30.

    Within 20 of 0 they are changed by less than 5e-5, and outside of the range no mean is 0 or infinite.

    >>> [round(float(log_rate(raw)), 2) for raw in (-100.0, 0.0, 3.0, 100.0)]
    [-30.0, 0.0, 3.0, 30.0]
    """
    return soft_clip(raw, -30.0, 30.0)

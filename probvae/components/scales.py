"""Positive scales from unconstrained numbers."""

from __future__ import annotations

from math import expm1, log

import tensorflow as tf

from probvae.core import Tensor

FLOOR = 1e-4
"""The default floor: softplus(-120) is 0 in float32, and a scale of 0 makes every density NaN."""


def softplus_scale(raw: Tensor, floor: float = FLOOR) -> Tensor:
    """softplus(raw + 1e-5) + floor, the reference recipe's scale with a floor under it."""
    return tf.nn.softplus(raw + 1e-5) + floor


def softplus_inverse(scale: float) -> float:
    """The raw number whose softplus is `scale`.

    >>> round(softplus_inverse(1.0), 4)
    0.5413
    """
    return log(expm1(scale))

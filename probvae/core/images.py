"""Heuristics for arrays of images, for advice in messages only."""

from __future__ import annotations

from math import ceil, isinf

from probvae.core.types import Shape
from probvae.core.values import Values

_MOST_CHANNELS = 4


def channels_first(shape: Shape) -> bool:
    """Whether a shape looks like an image [channels, height, width], where [height, width, channels] is meant.

    >>> channels_first((3, 32, 32)), channels_first((32, 32, 3)), channels_first((28, 28, 1))
    (True, False, False)
    """
    return len(shape) == 3 and shape[0] <= _MOST_CHANNELS < min(shape[1:])


def full_scale(values: Values, shape: Shape) -> float | None:
    """The divisor that scales values from 0 up to the range from 0 to 1; None if they look like counts.

    Integers up to 255, and numbers in the shape of an image, are taken as 8-bit intensities although none may be
    255 itself; integers up to 65,535 in the shape of an image as 16-bit ones.

    >>> full_scale(Values(0, 254, integer=True), (28, 28, 1)), full_scale(Values(0, 16), (8, 8, 1))
    (255.0, 16.0)
    >>> full_scale(Values(0, 3000, integer=True), (2000,)) is None
    True
    """
    image = len(shape) > 1
    if isinf(values.high):  # known to be unsigned only
        return 255.0 if image else None
    if 127 < values.high <= 255 and (image or values.integer):  # images that were resized have fractions
        return 255.0
    if not values.integer:
        return float(ceil(values.high))
    if not image:
        return None
    return 65_535.0 if 255 < values.high <= 65_535 else float(values.high)

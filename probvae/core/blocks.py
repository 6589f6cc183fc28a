"""Eager computations in blocks, so that their memory does not grow with the number of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import tensorflow as tf

from probvae.core.types import Shape, Tensor

LARGEST = 2**18
"""How many numbers a block takes: few enough for memory, enough for speed."""


MOST = 2**22
"""How many numbers the examples of a chunk have: some gigabytes in the widest layer of a network for images."""


def rows_at_a_time(event_shape: Shape, most: int) -> int:
    """How many examples of a shape a chunk has: `most`, or fewer if they are large. A function of these alone."""
    return max(1, min(most, MOST // math.prod(event_shape)))


def blocks(values: Tensor, size: int) -> Iterator[slice]:
    """Slices of the first axis of values [N, ...] that cover it: one in a graph, and where N is small.

    Args:
        values: [N, ...].
        size: how many numbers the computation takes for each of the N, about.
    """
    if not tf.executing_eagerly():
        yield slice(None)
        return
    step = max(1, LARGEST // max(1, size))
    for start in range(0, max(1, len(values)), step):
        yield slice(start, start + step)


def in_blocks(function: Callable[[Tensor], Tensor], rows: Tensor, size: int) -> Tensor:
    """`function(rows)` of rows [N, ...], each by itself, computed in blocks; for `size` see `blocks`."""
    return joined([function(rows[block]) for block in blocks(rows, size)])


def joined(parts: list[Tensor], axis: int = 0) -> Tensor:
    """The parts in one tensor."""
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis)

"""The memory of a model: of its variables before they are allocated, of a step's tensors before it is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import keras
import tensorflow as tf

from probvae.core.memory import readable
from probvae.core.types import Factory, Tensor
from probvae.errors import TooLargeError

MOST_VARIABLES = 10_000
"""More are a mistake in the number of layers, and would take hours to make."""


class Size(NamedTuple):
    """The size of a tensor.

    Args:
        dtype: of its elements.
        shape: its shape.
    """

    dtype: tf.DType
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Its memory in bytes."""
        return math.prod(self.shape) * int(self.dtype.size)

    def __str__(self) -> str:
        return f"{self.dtype.name} {list(self.shape)} ({readable(self.bytes)})"


@contextmanager
def variables_within(limit: int, symbolic: bool = False) -> Iterator[None]:
    """Raise before a variable is allocated with which those made in this context exceed a limit.

    Args:
        limit: in bytes.
        symbolic: whether the variables belong to a graph that is never run, and need no initial values.

    Raises:
        TooLargeError: with the shape of that variable, or without one if there are too many variables.
    """
    total = count = 0

    def create(make: Factory, **given: Tensor) -> Tensor:
        nonlocal total, count
        size = _declared(given["initial_value"])
        made: Tensor = make(**given) if size is None else None
        size = size or Size(made.dtype, tuple(made.shape))
        total, count = total + size.bytes, count + 1
        if total > limit or count > MOST_VARIABLES:
            what = f"at least {count:,} variables of {readable(total)} in all, the last of them {size}"
            expected = f"at most {MOST_VARIABLES:,} variables of {readable(limit)}"
            raise TooLargeError(f"Expected {expected}; got {what}.", what, size.shape if total > limit else ())
        if made is not None:
            return made
        if symbolic:
            given["initial_value"] = lambda: tf.zeros(size.shape, size.dtype)
        return make(**given)

    with tf.variable_creator_scope(create):
        yield


def _declared(initial: Tensor) -> Size | None:
    """The size of a variable by its initial value, without computing that."""
    if isinstance(initial, keras.Variable):
        return Size(tf.as_dtype(initial.dtype), tuple(initial.shape))
    if callable(initial):  # Keras passes a function of no arguments that refers to its own variable
        cells = (cell.cell_contents for cell in getattr(initial, "__closure__", None) or ())
        return next((_declared(cell) for cell in cells if isinstance(cell, keras.Variable)), None)
    if tf.is_tensor(initial):
        return Size(initial.dtype, tuple(initial.shape)) if initial.shape.is_fully_defined() else None
    return None


def largest_tensor(function: Factory, *arguments: tf.TensorSpec) -> Size:
    """The largest intermediate tensor of a function, by tracing it; nothing is computed.

    Tensors inside of loops, and those of unknown size, are not counted.
    """
    graph = tf.function(function).get_concrete_function(*arguments).graph
    sizes = [
        Size(output.dtype, tuple(output.shape))
        for operation in graph.get_operations()
        if operation.type != "Placeholder"
        for output in operation.outputs
        if output.shape.is_fully_defined() and output.dtype.size
    ]
    return max(sizes, key=lambda size: size.bytes, default=Size(tf.float32, ()))

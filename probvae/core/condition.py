"""Conditions: what their columns are, and checks of those that a user gives."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

import numpy as np
import tensorflow as tf
from pydantic import ConfigDict

from probvae.core.typed import STRICT
from probvae.core.types import Array, Tensor
from probvae.errors import ShapeError, UserError, did_you_mean


@dataclass(frozen=True)
class Condition:
    """The columns of a condition [N, C].

    Args:
        names: of the columns; where these are classes, of the classes.
        one_hot: whether each row is the one-hot vector of a class.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    names: tuple[str, ...]
    one_hot: bool = False

    @property
    def size(self) -> int:
        """C, the number of columns."""
        return len(self.names)

    def __str__(self) -> str:
        some = ", ".join(self.names[:5]) + ", ..." * (self.size > 5)
        return f"{self.size} {'classes' if self.one_hot else 'columns'} ({some})"

    def read(self, text: str) -> Array:
        """One condition from text: a class by its name or number, or a number for each column, float32 [C].

        Raises:
            UserError: it is neither.

        >>> Condition(("cat", "dog"), one_hot=True).read("dog"), Condition(("age", "dose")).read("30, 0.5")
        (array([0., 1.], dtype=float32), array([30. ,  0.5], dtype=float32))
        """
        text = text.strip()
        if not self.one_hot:
            return self._numbers(text)
        numbers = {str(number): number for number in range(self.size)}
        number = self.names.index(text) if text in self.names else numbers.get(text)
        if number is None:
            raise UserError(
                f"condition: expected a class, by its name or its number from 0 to {self.size - 1}; got {text!r}. "
                f"{did_you_mean(text, self.names)}"
            )
        return np.eye(self.size, dtype=np.float32)[number]

    def _numbers(self, text: str) -> Array:
        try:
            values = np.array([float(part) for part in text.split(",")], np.float32)
        except ValueError:
            values = np.zeros(0, np.float32)
        if len(values) != self.size or not np.isfinite(values).all():
            columns = ", ".join(self.names)
            raise UserError(
                f"condition: expected {self.size} numbers separated by commas, one for each of {columns}; got "
                f"{text!r}."
            )
        return values


def as_condition(condition: Tensor, size: int, count: Tensor | None = None) -> Tensor:
    """A user's condition as a float32 tensor [..., C], checked; None for a model that takes none.

    Args:
        condition: [..., C]; one of shape [C] is the same for all B examples.
        size: C; 0 for a model without conditions.
        count: B, the last axis but one, where it is known.

    Raises:
        ShapeError: it has another shape.
        UserError: it is missing, not finite, or the model takes none.
    """
    known = int(count) if isinstance(count, Integral) else None
    rows = "B" if known is None else known
    if condition is None:
        if size:
            raise UserError(
                f"condition: expected an array [{rows}, {size}], as the model is conditional; got none. Give "
                "condition=..., one row for each example."
            )
        return None
    if not size:
        raise UserError(
            f"condition: expected none, as no part of the model takes one; got shape {list(np.shape(condition))}. "
            "Leave it out, or build an encoder, a decoder or a prior with condition_dim."
        )
    if not tf.is_tensor(condition) and np.asarray(condition).dtype.kind not in "biuf":
        raise UserError(f"condition: expected an array of numbers [{rows}, {size}]; got {condition!r}.")
    condition = tf.cast(condition, tf.float32)
    shape = condition.shape
    if shape.is_compatible_with([size]) and shape.rank == 1 and count is not None:
        condition = tf.broadcast_to(condition, [count, size])
    elif shape.rank is None or not (
        shape[-1:].is_compatible_with([size]) and shape[-2:-1].is_compatible_with([known][: shape.rank - 1])
    ):
        classes = shape.rank == 1 and shape.is_compatible_with([known])
        fix = f" One-hot vectors of classes are numpy.eye({size})[classes]." if classes else ""
        raise ShapeError(f"condition: expected an array [{rows}, {size}]; got shape {shape.as_list()}.{fix}")
    if tf.executing_eagerly() and not np.isfinite(condition).all():
        raise UserError("condition: expected finite numbers; got NaN or infinity.")
    return condition

"""Conditions: what their columns are, and checks of those that a user gives."""

from __future__ import annotations

from collections.abc import Sequence
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
class ConditionColumn:
    """A column of a table in a condition: a number, standardised, or a category as a one-hot vector.

    Args:
        name: its name.
        mean: what is subtracted from a number.
        scale: what the difference is divided by.
        categories: the categories, in the order of the one-hot vector; none for numbers.
        log: whether it is the logarithm of a number above 0, as of the total of counts.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str
    mean: float = 0.0
    scale: float = 1.0
    categories: tuple[str, ...] = ()
    log: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({_some(self.categories)})" if self.categories else self.name

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns in the condition; a category is `column=value`."""
        return tuple(f"{self.name}={category}" for category in self.categories) or (self.name,)

    def in_units(self, part: Array) -> Array:
        """Its part of conditions [N, n] as in the table: names, or numbers in its unit, [N]."""
        if self.categories:
            return np.array(self.categories)[part.argmax(axis=1)]
        values = part[:, 0] * self.scale + self.mean
        return (np.exp(values) if self.log else values).astype(part.dtype)

    def read(self, text: str) -> Array:
        """Its part of a condition from text, float32 [n].

        Raises:
            UserError: the text is no number, or no known category.
        """
        if self.categories:
            if text not in self.categories:
                near = did_you_mean(text, self.categories)
                raise UserError(f"condition: expected a category of {self.name!r}; got {text!r}. {near}")
            return np.eye(len(self.categories), dtype=np.float32)[self.categories.index(text)]
        try:
            value = float(text)
        except ValueError:
            value = np.nan
        if not np.isfinite(value) or (self.log and value <= 0):
            what = "number above 0" if self.log else "finite number"
            raise UserError(f"condition: expected a {what} as {self.name!r}; got {text!r}.")
        if self.log:
            value = np.log(value)
        return np.array([(value - self.mean) / self.scale], np.float32)


@dataclass(frozen=True)
class Condition:
    """The columns of a condition [N, C].

    Args:
        names: of the columns; where these are classes, of the classes.
        one_hot: whether each row is the one-hot vector of a class.
        table: the columns of a table that they are made of; if empty, each is a number as it is, or a class.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    names: tuple[str, ...]
    one_hot: bool = False
    table: tuple[ConditionColumn, ...] = ()

    @classmethod
    def of(cls, table: tuple[ConditionColumn, ...]) -> Condition:
        """The condition that columns of a table make; one column of categories alone is a class."""
        if len(table) == 1 and table[0].categories:
            return cls(table[0].categories, True, table)
        return cls(tuple(name for column in table for name in column.names), False, table)

    @property
    def size(self) -> int:
        """C, the number of columns."""
        return len(self.names)

    @property
    def numbered(self) -> bool:
        """Whether a class may be given by its number too: not where the names of all classes are numbers."""
        return self.one_hot and not all(name.removeprefix("-").isdecimal() for name in self.names)

    @property
    def columns(self) -> tuple[ConditionColumn, ...]:
        """What the columns are made of."""
        return self.table or tuple(map(ConditionColumn, self.names))

    @property
    def library_column(self) -> int | None:
        """The place of the logarithm of the total of counts among the columns; None if it is not one of them."""
        start = 0
        for column in self.columns:
            if column.log:
                return start
            start += len(column.names)
        return None

    def __str__(self) -> str:
        plural, single = ("classes", "class") if self.one_hot else ("columns", "column")
        return f"{self.size} {single if self.size == 1 else plural} ({_some(self.names)})"

    def in_units(self, conditions: Array) -> dict[str, Array]:
        """Conditions [N, C] as what they are made of: the names of classes, or numbers and names of columns.

        Returns:
            An array [N] for each column; one without a name if they are classes.

        >>> age, sex = ConditionColumn("age", mean=40.0, scale=10.0), ConditionColumn("sex", categories=("f", "m"))
        >>> Condition.of((age, sex)).in_units(np.array([[0.5, 0.0, 1.0]]))
        {'age': array([45.]), 'sex': array(['m'], dtype='<U1')}
        """
        if self.one_hot:
            return {"": np.array(self.names)[conditions.argmax(axis=1)]}
        found, start = {}, 0
        for column in self.columns:
            part = conditions[:, start : start + len(column.names)]
            found[column.name] = column.in_units(part)
            start += len(column.names)
        return found

    def read(self, text: str) -> Array:
        """One condition from text, float32 [C]: a class by its name or number, or a value for each column.

        Where the names of all classes are numbers, these are meant.
        Values are given by the names of the columns, or in the order of these; numbers are as in the table.

        Raises:
            UserError: it is neither.

        >>> Condition(("cat", "dog"), one_hot=True).read("dog"), Condition(("age", "dose")).read("30, 0.5")
        (array([0., 1.], dtype=float32), array([30. ,  0.5], dtype=float32))
        >>> age, sex = ConditionColumn("age", mean=40.0, scale=10.0), ConditionColumn("sex", categories=("f", "m"))
        >>> Condition.of((age, sex)).read("sex=m, age=45")
        array([0.5, 0. , 1. ], dtype=float32)
        """
        text = text.strip()
        if self.one_hot and (text in self.names or not (self.table and "=" in text)):
            return self._class(text)
        values = self._by_name(text) if "=" in text else [part.strip() for part in text.split(",")]
        if len(values) != len(self.columns):
            raise UserError(f"condition: expected {self.expected}; got {text!r}.")
        parts = [column.read(value) for column, value in zip(self.columns, values, strict=True)]
        return np.concatenate(parts)

    @property
    def expected(self) -> str:
        """How one condition is written, in words."""
        if self.one_hot and self.numbered:
            return f"a class, by its name or its number from 0 to {self.size - 1}"
        if self.one_hot:
            return f"a class, one of {_some(self.names)}"
        names = [column.name for column in self.columns]
        form = ",".join(f"{name}=..." for name in names)
        return f"a value for each of {', '.join(names)}, as {form} or in this order with commas between them"

    def _class(self, text: str) -> Array:
        """The one-hot vector of a class, float32 [C]."""
        numbers = {str(number): number for number in range(self.size)} if self.numbered else {}
        number = self.names.index(text) if text in self.names else numbers.get(text)
        if number is None:
            near = did_you_mean(text, self.names)
            raise UserError(f"condition: expected {self.expected}; got {text!r}. {near}")
        return np.eye(self.size, dtype=np.float32)[number]

    def _by_name(self, text: str) -> list[str]:
        """The values of the columns from `name=value` with commas between them; a value may have commas."""
        given: list[tuple[str, str]] = []
        for part in text.split(","):
            name, sign, value = (piece.strip() for piece in part.partition("="))
            if sign or not given:
                given.append((name, value))
            else:
                given[-1] = (given[-1][0], f"{given[-1][1]},{part}")
        found, names = dict(given), [column.name for column in self.columns]
        for name, _ in given:
            if name not in names:
                near = did_you_mean(name, names)
                raise UserError(f"condition: expected {self.expected}; got {name!r}. {near}")
        if len(found) < len(given):
            raise UserError(f"condition: expected each column once; got {text!r}.")
        if missing := [name for name in names if name not in found]:
            raise UserError(f"condition: expected {self.expected}; got none for {', '.join(missing)}.")
        return [found[name] for name in names]


def _some(names: Sequence[str]) -> str:
    """The first names of some."""
    return ", ".join(names[:5]) + ", ..." * (len(names) > 5)


def as_condition(condition: Tensor, size: int, leading: Sequence[Tensor | int | None] = ()) -> Tensor:
    """A user's condition as a float32 tensor [..., C], checked; None for a model that takes none.

    Args:
        condition: [..., C]; one of shape [C] is the same for all B examples.
        size: C; 0 for a model without conditions.
        leading: the axes [..., B] of what it is the condition of, with None for unknown sizes; empty if these are
            not known at all.

    Raises:
        ShapeError: it has another shape, or is one condition or the labels of as many examples.
        UserError: it is missing, not finite, or the model takes none.
    """
    known = [int(axis) if isinstance(axis, Integral) else None for axis in leading]
    rows = known[-1] if known else None
    wanted = f"[{'B' if rows is None else rows}, {size}]"
    if condition is None:
        if size:
            raise UserError(
                f"condition: expected an array {wanted}, as the model is conditional; got none. Give "
                "condition=..., one row for each example."
            )
        return None
    if not size:
        raise UserError(
            f"condition: expected none, as no part of the model takes one; got shape {list(np.shape(condition))}. "
            "Leave it out, or build an encoder, a decoder or a prior with condition_dim."
        )
    if not tf.is_tensor(condition) and np.asarray(condition).dtype.kind not in "biuf":
        raise UserError(f"condition: expected an array of numbers {wanted}; got {condition!r}.")
    condition = tf.cast(condition, tf.float32)
    shape = condition.shape
    one = shape.rank == 1 and shape.is_compatible_with([size])
    if not one and not _is_for(shape, known, size):
        classes = shape.rank == 1 and shape.is_compatible_with([rows])
        raise _other_shape(wanted, shape, _ONE_HOT.format(size) if classes else "")
    if one and rows == size > 1:
        fix = f"It may be one condition or {size} classes: give numpy.tile(condition, ({size}, 1)), or "
        raise _other_shape(wanted, shape, f"{fix}numpy.eye({size})[classes].")
    if one and known and leading[-1] is not None:
        condition = tf.broadcast_to(condition, [leading[-1], size])
    if tf.executing_eagerly() and not np.isfinite(condition).all():
        raise UserError("condition: expected finite numbers; got NaN or infinity.")
    return condition


def as_conditions(condition: Tensor, size: int, count: int | None, labels: bool) -> Tensor:
    """What stands in the place of y in `fit`, as conditions [B, C], checked; in a graph when it runs, without XLA.

    Args:
        condition: a row for each example.
        size: C.
        count: B, where it is known.
        labels: whether a row is the one-hot vector of a label, or zeros where that is missing.

    Raises:
        ShapeError: it has another shape.
        UserError: it is missing or not finite, or no such vectors.
    """
    condition = as_condition(condition, size, (count,))
    if condition.shape.rank != 2:
        raise _other_shape(f"[B, {size}]", condition.shape, _ONE_HOT.format(size))
    right = {"condition: expected finite numbers; got NaN or infinity.": tf.math.is_finite(condition)}
    if labels:
        whole = tf.equal(condition * (1.0 - condition), 0.0)
        right[_LABELS.format(size)] = whole & (tf.reduce_sum(condition, axis=-1, keepdims=True) <= 1.0)
    checks = []
    for message, each in right.items():
        if tf.executing_eagerly() and not np.all(each):
            raise UserError(message)
        checks.append(tf.debugging.Assert(tf.reduce_all(each), [message]))
    with tf.control_dependencies(checks):
        return tf.identity(condition)


_ONE_HOT = "One-hot vectors of classes are numpy.eye({})[classes]."
_LABELS = (
    "condition: expected the one-hot vectors of classes, as the model has a classifier, and zeros where a "
    "label is missing; got others. " + _ONE_HOT
)


def _is_for(shape: tf.TensorShape, known: Sequence[int | None], size: int) -> bool:
    """Whether conditions [..., C] have a shape of some of the last of the known axes and C.

    Where several axes are known, one of size 1 is for all of that axis.
    """
    if shape.rank is None or not shape[-1:].is_compatible_with([size]):
        return False
    if not known:
        return True
    own = shape[:-1].as_list()
    if len(own) > len(known):
        return False
    return all(
        None in (axis, other) or axis == other or (axis == 1 and len(known) > 1)
        for axis, other in zip(reversed(own), reversed(known), strict=False)
    )


def _other_shape(wanted: str, shape: tf.TensorShape, fix: str) -> ShapeError:
    found = "an unknown shape" if shape.rank is None else f"shape {shape.as_list()}"
    return ShapeError(f"condition: expected an array {wanted}; got {found}. {fix}".rstrip())

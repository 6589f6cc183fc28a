"""Supports: the values that data takes, those that a likelihood supports, the space of latents."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf, lcm
from typing import Literal, TypeAlias

import numpy as np
import tensorflow as tf

from probvae.core.types import Array, Tensor


class Support(ABC):
    """A set of values on which a distribution has density or probability; `in` compares two of them."""

    @abstractmethod
    def __contains__(self, other: Support) -> bool: ...

    def seen(self, z: Tensor) -> Tensor:
        """What a decoder gets of latents z [..., D] on this support: [..., D]."""
        return z


_LARGEST = sys.float_info.max


def rounding(multiples: Tensor) -> Tensor:
    """How far from an integer, in steps, single precision may round multiples of a step: an array or tensor."""
    return 1e-3 + 2e-7 * abs(multiples)


@dataclass(frozen=True)
class Values(Support):
    """The values from `low` to `high`.

    Data declares the values it takes, a likelihood the values it supports. `BINARY in UNIT`: data of the first
    kind can be used with a likelihood of the second.

    >>> BINARY in UNIT, UNIT in BINARY, Values(0, 255, integer=True) in UNIT
    (True, False, False)
    >>> UNIT in Values(0, 1, open=True), Values(0.1, 0.9) in Values(0, 1, open=True), ONE_HOT in BINARY
    (False, True, True)
    >>> BINARY in Values.levels(256, 255), Values.levels(256, 255) in UNIT, UNIT in Values.levels(256, 255)
    (True, True, False)

    Args:
        low: the lowest value.
        high: the highest value.
        integer: whether they are integers only, or with `steps` multiples of 1/steps only.
        steps: how many steps there are from an integer to the next; those of 8-bit images from 0 to 1 are 255.
        open: whether the ends are excluded, as for a log-normal or a Beta distribution.
        one_hot: whether exactly one element of the last axis is 1, and all others are 0.
    """

    low: float = -inf
    high: float = inf
    integer: bool = False
    open: bool = False
    one_hot: bool = False
    steps: int = 1

    @property
    def discrete(self) -> bool:
        """Whether they can be counted: they have probabilities then, and densities otherwise."""
        return self.integer

    def __contains__(self, other: Support) -> bool:
        if not isinstance(other, Values):
            return False
        # The levels of data are float32, and may be rounded to beyond the ends.
        slack = float(rounding(self.steps * other.high)) / self.steps if self.steps > 1 else 0.0
        inside = self.low - slack <= other.low and other.high <= self.high + slack
        if self.open and not other.open:
            inside = inside and self.low < max(other.low, -_LARGEST) and min(other.high, _LARGEST) < self.high
        in_step = not self.integer or (other.integer and self.steps % other.steps == 0)
        return inside and in_step and (other.one_hot or not self.one_hot)

    def __str__(self) -> str:
        if self.one_hot:
            return "one-hot vectors"
        if self == BINARY:
            return "0 and 1 only"
        kind = "integers" if self.integer else "numbers"
        if self.steps > 1:
            kind = f"multiples of 1/{self.steps}"
        if (self.low, self.high) == (-inf, inf):
            return f"all {kind}"
        if self.high == inf:
            return f"{kind} above {self.low:g}" if self.open else f"{kind} from {self.low:g} up"
        return f"{kind} from {self.low:g} to {self.high:g}" + ", the ends excluded" * self.open

    @property
    def some(self) -> float:
        """One of the values: 0 where it is one.

        >>> REAL.some, Values(0, inf, open=True).some, Values(0, 1, open=True).some, Values(2, 5).some
        (0.0, 1.0, 0.5, 2.0)
        """
        if self.low < 0 < self.high or (not self.open and 0 in (self.low, self.high)):
            return 0.0
        if not self.open:
            return float(self.low if self.low > 0 else self.high)
        if self.low == -inf:
            return self.high - 1.0
        return self.low + 1.0 if self.high == inf else (self.low + self.high) / 2

    def parts_of(self, x: Tensor) -> Iterator[tuple[Values, Tensor]]:
        """These values, with all of x [..., *E]."""
        yield self, x

    @classmethod
    def of(cls, array: Array, steps: int = 1) -> Values:
        """The values that an array [N, *E] takes.

        Args:
            array: the values.
            steps: if they are no integers, whether they are multiples of 1/steps is seen too.
        """
        low, high = float(array.min()), float(array.max())
        whole = bool(array.dtype.kind in "bui") or bool(np.all(array == np.round(array)))
        if not whole and steps > 1:
            multiples = array * steps
            if np.all(np.abs(multiples - np.round(multiples)) < rounding(multiples)):
                return cls(low, high, integer=True, steps=steps)
        binary = whole and low >= 0 and high <= 1 and array.ndim > 1
        return cls(low, high, whole, one_hot=binary and bool(np.all(array.sum(-1) == 1)))

    @classmethod
    def of_all(cls, parts: Iterable[Values]) -> Values:
        """The values of several arrays together."""
        seen = list(parts)
        low, high = min(part.low for part in seen), max(part.high for part in seen)
        integer, one_hot = all(part.integer for part in seen), all(part.one_hot for part in seen)
        return cls(
            low, high, integer, one_hot=one_hot, steps=lcm(*(part.steps for part in seen)) if integer else 1
        )

    @classmethod
    def levels(cls, count: int, divide_by: float = 1) -> Values:
        """The values 0, 1, ..., count - 1, divided by a number.

        >>> str(Values.levels(10)), str(Values.levels(256, divide_by=255))
        ('integers from 0 to 9', 'multiples of 1/255 from 0 to 1')
        """
        whole = divide_by == int(divide_by)
        return cls(0, (count - 1) / divide_by, integer=whole, steps=int(divide_by) if whole else 1)


BINARY = Values(0, 1, integer=True)
ONE_HOT = Values(0, 1, integer=True, one_hot=True)
UNIT = Values(0, 1)
REAL = Values()
COUNTS = Values(0, inf, integer=True)


Group: TypeAlias = tuple[Literal["numbers", "counts", "categories"], int]
"""What some neighbouring elements of an example [n] are, and how many they are.

Numbers, counts, or the one-hot vector of one category.
"""


@dataclass(frozen=True)
class GroupedValues(Support):
    """The values of vectors [n] in groups: numbers, counts, and one-hot vectors of categories.

    Args:
        groups: what the elements are, in their order.
    """

    groups: tuple[Group, ...]

    @property
    def discrete(self) -> bool:
        """Whether all of them can be counted."""
        return all(kind != "numbers" for kind, _ in self.groups)

    @property
    def some(self) -> Array:
        """One of the vectors: zeros, and the first of the categories."""
        return np.concatenate([np.eye(size)[0] * (kind == "categories") for kind, size in self.groups])

    def parts_of(self, x: Tensor) -> Iterator[tuple[Values, Tensor]]:
        """The values of each group, with its elements of x [..., n]."""
        start = 0
        for kind, size in self.groups:
            yield OF_KIND[kind], x[..., start : start + size]
            start += size

    def __contains__(self, other: Support) -> bool:
        return other == self

    def __str__(self) -> str:
        return ", ".join(f"{size} {kind}" for kind, size in self.groups)


OF_KIND = {"numbers": REAL, "counts": COUNTS, "categories": ONE_HOT}
"""The values of each kind of a `Group`."""

DataValues: TypeAlias = Values | GroupedValues


@dataclass(frozen=True)
class Surface(Support):
    """A surface in the space of latents that has densities; it contains itself only.

    Args:
        name: its name in messages.
        measure: densities are with respect to this.
    """

    name: str
    measure: str

    def __contains__(self, other: Support) -> bool:
        return other == self

    def __str__(self) -> str:
        return self.name


SPHERE = Surface("the unit sphere", "surface area")
SIMPLEX = Surface("the probability simplex", "the volume of all but the last element")


@dataclass(frozen=True)
class LogSimplex(Surface):
    """Vectors in groups of K logarithms, whose exponentials sum to 1 in each group. Decoders get the exponentials.

    >>> str(LogSimplex.of(3)), LogSimplex.of(3) in LogSimplex.of(2)
    ('the logarithms of the probabilities of 3 categories', False)

    Args:
        name: its name in messages.
        measure: densities are with respect to this.
        categories: K.
    """

    categories: int

    @classmethod
    def of(cls, categories: int) -> LogSimplex:
        """That of K categories."""
        name = f"the logarithms of the probabilities of {categories} categories"
        return cls(name, "the volume of the differences from the last in each group", categories)

    def seen(self, z: Tensor) -> Tensor:
        """The probabilities."""
        return tf.exp(z)

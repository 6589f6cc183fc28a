"""Where distributions live: the values that data takes, those that a likelihood supports, the space of latents."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Values:
    """The values from `low` to `high`, both included, integers only or not.

    Data declares the values it takes, a likelihood the values it supports; `BINARY in UNIT` asks whether
    data of the first kind may go into a likelihood of the second.

    >>> BINARY in UNIT, UNIT in BINARY, Values(0, 255, integer=True) in UNIT
    (True, False, False)
    """

    low: float = -inf
    high: float = inf
    integer: bool = False

    def __contains__(self, other: Support) -> bool:
        if not isinstance(other, Values):
            return False
        inside = self.low <= other.low and other.high <= self.high
        return inside and (other.integer or not self.integer)

    def __str__(self) -> str:
        if self == BINARY:
            return "0 and 1 only"
        kind = "integers" if self.integer else "numbers"
        if (self.low, self.high) == (-inf, inf):
            return f"all {kind}"
        if self.high == inf:
            return f"{kind} from {self.low:g} up"
        return f"{kind} from {self.low:g} to {self.high:g}"

    @classmethod
    def of(cls, array: npt.NDArray[Any]) -> Values:
        """The values that an array takes."""
        low, high = float(array.min()), float(array.max())
        whole = bool(array.dtype.kind in "bui") or bool(np.all(array == np.round(array)))
        return cls(low, high, whole)


BINARY = Values(0, 1, integer=True)
UNIT = Values(0, 1)
REAL = Values()
COUNTS = Values(0, inf, integer=True)


@dataclass(frozen=True)
class Surface:
    """A surface in the space of latents, on which densities are taken; no other support contains or is in it.

    Args:
        name: what it is.
        measure: what densities on it are taken with respect to.
    """

    name: str
    measure: str

    def __contains__(self, other: Support) -> bool:
        return other == self

    def __str__(self) -> str:
        return self.name


SPHERE = Surface("the unit sphere", "surface area")
SIMPLEX = Surface("the probability simplex", "the volume of all but the last element")

Support: TypeAlias = Values | Surface

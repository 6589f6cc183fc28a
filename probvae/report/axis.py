"""The axes of a chart: from values to coordinates, with ticks at round values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from probvae.core import Array
from probvae.report.numbers import plain_number

_SHORTEST_LOG = 2.0  # decades; over less, a log axis has too few round values


@dataclass(frozen=True)
class Tick:
    """A place on an axis, and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A linear map from values between `low` and `high` to coordinates from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, values: float | Array) -> Array:
        """The coordinates of values."""
        share = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        return np.round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int, whole: bool = False) -> tuple[Tick, ...]:
        """Ticks at round values."""
        locator = MaxNLocator(count, integer=whole, min_n_ticks=1 if whole else 2)
        values = np.array(locator.tick_values(self.low, self.high))
        step = float(np.min(np.diff(values))) if len(values) > 1 else 1.0
        exact = (n for n in range(12) if np.allclose(values, values.round(n), rtol=0, atol=1e-6 * step))
        digits = next(exact, 12)
        inside = [float(value) for value in values if self.low <= value <= self.high]
        return tuple(Tick(float(self.at(value)), plain_number(value, digits)) for value in inside)


def log_ticks(axis: Axis) -> tuple[Tick, ...]:
    """Ticks of an axis of decimal logarithms: at powers of ten, and over few of them at 2 and 5 times these."""
    decades = range(math.floor(axis.low), math.ceil(axis.high) + 1)
    steps = (1,) if axis.high - axis.low > _SHORTEST_LOG else (1, 2, 5)
    values = [step * 10.0**power for power in decades for step in steps]
    inside = [value for value in values if axis.low <= math.log10(value) <= axis.high]
    return tuple(Tick(float(axis.at(math.log10(value))), f"{value:g}") for value in inside)


def name_ticks(axis: Axis, names: Sequence[str]) -> tuple[Tick, ...]:
    """Ticks of an axis of names: name i is at i."""
    return tuple(Tick(float(axis.at(place)), name) for place, name in enumerate(names))

"""Vectors of integers, and those of zeros and ones with a single one."""

from __future__ import annotations

from itertools import product
from math import inf, prod

import numpy as np
import numpy.typing as npt

from probvae.core import BINARY, Shape, Values
from probvae.core.values import rounding
from probvae.testing.floats import Floats
from probvae.testing.spaces.space import Space, spread_over


class Lattice(Space):
    """Vectors of integers in an interval, or of integers that are divided by a number, under counting measure.

    The proposal draws each element by itself: half from what the samples have there, half evenly over the
    interval, or over the part of it that reaches 40 beyond the samples.

    Args:
        support: the interval.
        dimensions: D.
    """

    most = 20_000
    reach = 200_000

    def __init__(self, support: Values, dimensions: int) -> None:
        self.steps = support.steps
        first, last = self.steps * support.low + support.open, self.steps * support.high - support.open
        self.low, self.high = np.ceil(first - 1e-6), np.floor(last + 1e-6)
        self.dimensions = self.axes = dimensions

    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """There is none: a lattice is summed over."""
        raise NotImplementedError

    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """There is none."""
        raise NotImplementedError

    def everything(self, samples: Floats) -> Floats | None:
        """Every vector there is, or that may matter: far beyond the samples where there is no end.

        None where they are too many.
        """
        samples = self._integers(samples)
        spread = 40 + 2 * np.ptp(samples)
        low = self.low if self.low > -inf else np.floor(samples.min() - spread)
        high = self.high if self.high < inf else np.ceil(samples.max() + spread)
        if (high - low + 1) ** self.dimensions > self.most:
            return None
        axes = np.meshgrid(*[np.arange(low, high + 1)] * self.dimensions, indexing="ij")
        return np.stack(axes, -1).reshape(-1, self.dimensions) / self.steps

    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """See the class."""
        columns = []
        for column in self._integers(samples).T:
            levels, share = self._table(column)
            columns.append(rng.choice(levels, size=count, p=share))
        return np.stack(columns, -1) / self.steps

    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """See the class."""
        total, points = np.zeros(len(points)), self._integers(points)
        for place, column in enumerate(self._integers(samples).T):
            levels, share = self._table(column)
            index = np.searchsorted(levels, points[:, place])
            known = (index < len(levels)) & (levels[np.minimum(index, len(levels) - 1)] == points[:, place])
            share_at = np.where(known, share[np.minimum(index, len(levels) - 1)], 0)
            with np.errstate(divide="ignore"):
                total += np.log(share_at)
        return total

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether every element is an integer of the interval, after the multiplication."""
        points = self._integers(points)
        inside = (self.low <= points) & (points <= self.high) & (points == np.round(points))
        return np.asarray(inside.all(-1))

    def extremes(self, samples: Floats) -> Floats:
        """The same integer in all elements: over the interval, its ends among them."""
        values = np.unique(np.round(spread_over(self.low, self.high, self._integers(samples))))
        return np.repeat(values[:, None], self.dimensions, axis=1) / self.steps

    def _integers(self, points: Floats) -> Floats:
        """Points in units of a step: integers, where rounding to single precision is all that is missing."""
        if self.steps == 1:
            return points
        multiples = points * self.steps
        return np.where(
            np.abs(multiples - np.round(multiples)) < rounding(multiples), np.round(multiples), multiples
        )

    def _table(self, column: Floats) -> tuple[Floats, Floats]:
        """The levels that one element may take, and the probability that the proposal gives each."""
        low, high = self.low, self.high
        if not high - low < 300:
            # Counts may be as far apart as numbers are: no more levels than fit into memory.
            middle = np.median(column)
            low = max(low, np.floor(max(column.min() - 40, middle - self.reach)))
            high = min(high, np.ceil(min(column.max() + 40, middle + self.reach)))
        levels = np.arange(low, high + 1)
        inside = column[(column >= low) & (column <= high) & (column == np.round(column))]
        counts = np.bincount((inside - low).astype(int), minlength=len(levels)).astype(np.float64)
        observed = counts / max(1.0, counts.sum()) if len(inside) else np.full(len(levels), 1 / len(levels))
        return levels, 0.5 * observed + 0.5 / len(levels)


class OneHot(Lattice):
    """Vectors of zeros with a single 1 along the last axis, under counting measure.

    The proposal draws each of them by itself: half from what the samples have there, half evenly.

    Args:
        event: [..., K], of K categories.
    """

    def __init__(self, event: Shape) -> None:
        super().__init__(BINARY, prod(event))
        self.categories = event[-1]

    def everything(self, samples: Floats) -> Floats | None:
        """Every vector there is; None where they are too many."""
        groups = self.dimensions // self.categories
        if self.categories**groups > self.most:
            return None
        chosen = np.array(list(product(range(self.categories), repeat=groups)))  # [N, groups]
        return np.eye(self.categories)[chosen].reshape(len(chosen), -1)

    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """See the class."""
        chosen = [rng.choice(self.categories, size=count, p=share) for share in self._shares(samples)]
        return np.eye(self.categories)[np.stack(chosen, -1)].reshape(count, -1)

    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """See the class."""
        inside = np.where(self.contains(points), 0.0, -inf)
        return np.asarray((self._grouped(points) * np.log(self._shares(samples))).sum((-1, -2)) + inside)

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether every vector along the last axis has a single 1 and zeros."""
        groups = self._grouped(points)
        return np.asarray(((groups == 0) | (groups == 1)).all((-1, -2)) & (groups.sum(-1) == 1).all(-1))

    def extremes(self, samples: Floats) -> Floats:
        """Each category, the same everywhere."""
        return np.tile(np.eye(self.categories), self.dimensions // self.categories)

    def _shares(self, samples: Floats) -> Floats:
        """The probability that the proposal gives to each category, [groups, K]."""
        return np.asarray(0.5 * self._grouped(samples[self.contains(samples)]).mean(0) + 0.5 / self.categories)

    def _grouped(self, points: Floats) -> Floats:
        return points.reshape(len(points), -1, self.categories)

"""Vectors that are parts in other spaces, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from probvae.testing.floats import Floats
from probvae.testing.spaces.space import Space


class Product(Space):
    """Vectors whose first elements are in one space, the next ones in another, and so on: each proposed by itself.

    Args:
        parts: the spaces.
        sizes: how many elements are in each.
    """

    def __init__(self, parts: Sequence[Space], sizes: Sequence[int]) -> None:
        self.parts = parts
        self.axes = sum(part.axes for part in parts)
        self.ends = np.cumsum(sizes)[:-1]

    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """There is none: some parts are summed over."""
        raise NotImplementedError

    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """There is none."""
        raise NotImplementedError

    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """See the class."""
        drawn = [part.propose(count, own, rng) for part, own in zip(self.parts, self._own(samples), strict=True)]
        return np.concatenate(drawn, axis=1)

    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """See the class."""
        each = zip(self.parts, self._own(points), self._own(samples), strict=True)
        return np.sum([part.log_density(own, sampled) for part, own, sampled in each], axis=0)

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether each part of them is in its space."""
        inside = [part.contains(own) for part, own in zip(self.parts, self._own(points), strict=True)]
        return np.all(inside, axis=0)

    def extremes(self, samples: Floats) -> Floats:
        """Those of each part, with a sample in all others."""
        found = []
        for place, (part, own) in enumerate(zip(self.parts, self._own(samples), strict=True)):
            extremes = part.extremes(own)
            rows = self._own(np.repeat(samples[:1], len(extremes), axis=0))
            found.append(np.concatenate([*rows[:place], extremes, *rows[place + 1 :]], axis=1))
        return np.concatenate(found)

    def _own(self, points: Floats) -> list[Floats]:
        """The elements [N, D_k] of each part, of points [N, D]."""
        return np.split(points, self.ends, axis=1)

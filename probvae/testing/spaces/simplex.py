"""Shares that sum to 1, and their logarithms."""

from __future__ import annotations

from math import lgamma, log

import numpy as np
import numpy.typing as npt

from probvae.core import REAL
from probvae.testing.floats import Floats, logsumexp
from probvae.testing.spaces.box import Box
from probvae.testing.spaces.space import Space


class Simplex(Space):
    """Vectors of D numbers above 0 that sum to 1, under the volume of the first D - 1.

    The proposal is even by one half, and by the other a Dirichlet with the samples' mean and spread.

    Args:
        dimensions: D, at least 2.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.axes = dimensions - 1

    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """The interval, or the triangle, by a map that is dense at the ends."""
        share, slope = cube**3 * (10 - 15 * cube + 6 * cube**2), 30 * (cube * (1 - cube)) ** 2
        a = share[:, 0]
        if self.dimensions == 2:
            return np.stack([a, 1 - a], -1), slope[:, 0]
        b = share[:, 1]
        return np.stack([a, (1 - a) * b, (1 - a) * (1 - b)], -1), slope.prod(-1) * (1 - a)

    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """By interpolation of that map."""
        level = np.linspace(0, 1, 2001)
        share = level**3 * (10 - 15 * level + 6 * level**2)
        ratios = [points[:, 0]] + ([points[:, 1] / np.maximum(1 - points[:, 0], 1e-12)] * (self.dimensions == 3))
        return np.stack([np.interp(ratio, share, level) for ratio in ratios], -1)

    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """See the class."""
        even = rng.dirichlet(np.ones(self.dimensions), size=count)
        near = rng.dirichlet(self._alpha(samples), size=count)
        drawn = np.maximum(np.where(rng.random((count, 1)) < 0.5, even, near), 1e-12)
        return np.asarray(drawn / drawn.sum(-1, keepdims=True))

    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """See the class."""
        alpha = self._alpha(samples)
        log_norm = sum(map(lgamma, alpha)) - lgamma(float(alpha.sum()))
        near = ((alpha - 1) * np.log(np.maximum(points, 1e-300))).sum(-1) - log_norm
        return np.logaddexp(log(0.5) + lgamma(self.dimensions), log(0.5) + near)

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether all elements are 0 or above and sum to 1 as far as single precision tells."""
        return np.asarray((points >= 0).all(-1) & (np.abs(points.sum(-1) - 1) < 1e-4))

    def _alpha(self, samples: Floats) -> Floats:
        mean, variance = samples.mean(0), samples.var(0) + 1e-12
        total = np.median(mean * (1 - mean) / variance) - 1
        return np.clip(np.clip(total, 0.5, 1e4) * mean, 0.1, 1e4)


class LogRatios(Space):
    """Groups of K logarithms whose exponentials sum to 1, under the volume of the differences from the last.

    These differences are all of R^(K - 1) in each group, and their proposal is that of a `Box`.

    Args:
        categories: K.
        dimensions: D, a multiple of K.
    """

    def __init__(self, categories: int, dimensions: int) -> None:
        self.categories = categories
        self.differences = Box(REAL, dimensions - dimensions // categories)
        self.axes = self.differences.axes

    def coordinates(self, points: Floats) -> Floats:
        """The differences: the logarithm of a share near 1 is rounded to 0."""
        return self._from_last(points)

    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """That of the differences."""
        points, volume = self.differences.from_cube(cube, self._from_last(samples))
        return self._logarithms(points), volume

    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """That of the differences."""
        return self.differences.to_cube(self._from_last(points), self._from_last(samples))

    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """See the class."""
        return self._logarithms(self.differences.propose(count, self._from_last(samples), rng))

    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """See the class."""
        return self.differences.log_density(self._from_last(points), self._from_last(samples))

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether the exponentials of each group sum to 1 as far as single precision tells."""
        return np.asarray((np.abs(logsumexp(self._grouped(points))) < 1e-4).all(-1))

    def _from_last(self, points: Floats) -> Floats:
        groups = self._grouped(points)
        return (groups[..., :-1] - groups[..., -1:]).reshape(len(points), -1)

    def _logarithms(self, differences: Floats) -> Floats:
        groups = differences.reshape(len(differences), -1, self.categories - 1)
        groups = np.concatenate([groups, np.zeros_like(groups[..., :1])], axis=-1)
        return (groups - logsumexp(groups)[..., None]).reshape(len(differences), -1)

    def _grouped(self, points: Floats) -> Floats:
        return points.reshape(len(points), -1, self.categories)

"""Vectors whose elements lie in an interval."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, pi
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from probvae.core import Values
from probvae.testing.floats import Floats, logsumexp
from probvae.testing.spaces.space import Space, spread_over

TINY = float(np.finfo(np.float32).tiny)
BLOCK = 1000


class Broad(NamedTuple):
    """A distribution on all of R: its quantile function, distribution function and log-density."""

    quantile: Callable[[Floats], Floats]
    cdf: Callable[[Floats], Floats]
    log_density: Callable[[Floats], Floats]


CAUCHY = Broad(
    lambda level: np.tan(pi * (level - 0.5)),
    lambda x: 0.5 + np.arctan(x) / pi,
    lambda x: -log(pi) - np.log1p(x**2),
)
"""The standard Cauchy distribution, whose tails are as heavy as any in use."""
LOGISTIC = Broad(
    lambda level: np.log(level) - np.log1p(-level),
    lambda x: np.exp(-np.logaddexp(0, -x)),
    lambda x: -np.logaddexp(0, -x) - np.logaddexp(0, x),
)
"""The standard logistic distribution; a sigmoid makes it uniform."""


class Box(Space):
    """Vectors whose elements lie in an interval: reached from all of R^D by a map of each element.

    The proposal is made in R^D, where the samples are mapped to: three parts of normal kernels around some of
    them, and one part that is broad: independent Cauchys around their median, or where an end bounds the tails,
    independent logistics.

    Args:
        support: the interval.
        dimensions: D.
    """

    kernels = 96
    share = 0.75

    def __init__(self, support: Values, dimensions: int) -> None:
        self.low, self.high, self.open = support.low, support.high, support.open
        self.dimensions = self.axes = dimensions
        self.broad = CAUCHY if (self.low, self.high) == (-inf, inf) else LOGISTIC

    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """By the quantiles of the broad distribution, which reach everywhere."""
        loc, scale = _middle(self._unbounded(samples))
        steps = self.broad.quantile(cube)
        points, log_volume = self._bounded(loc + 2 * scale * steps)
        return points, np.exp(log_volume + (np.log(2 * scale) - self.broad.log_density(steps)).sum(-1))

    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """By the broad distribution function."""
        loc, scale = _middle(self._unbounded(samples))
        return self.broad.cdf((self._unbounded(points) - loc) / (2 * scale))

    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """See the class."""
        centres, width, loc, scale = self._parts(samples)
        near = centres[rng.integers(len(centres), size=count)] + width * rng.normal(size=(count, self.dimensions))
        wide = loc + scale * self.broad.quantile(rng.random((count, self.dimensions)))
        return self._bounded(np.where(rng.random((count, 1)) < self.share, near, wide))[0]

    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """See the class."""
        centres, width, loc, scale = self._parts(samples)
        y = self._unbounded(points)
        log_volume = self._bounded(y)[1]
        b = (centres - loc) / width
        half = 0.5 * (b**2).sum(-1, keepdims=True)
        constant = -np.log(width).sum() - 0.5 * self.dimensions * log(2 * pi) - log(len(centres))

        def log_kernels(a: Floats) -> Floats:
            exponents = b @ a.T  # [kernels, n]: the last axis is the long one, which is far quicker
            exponents -= half
            exponents -= 0.5 * (a**2).sum(-1)
            return logsumexp(np.minimum(exponents, 0, out=exponents), axis=0)

        blocks = np.array_split((y - loc) / width, len(y) // BLOCK + 1)  # what fits into the processor's cache
        near = constant + np.concatenate([log_kernels(block) for block in blocks])
        wide = (self.broad.log_density((y - loc) / scale) - np.log(scale)).sum(-1)
        return np.logaddexp(log(self.share) + near, log(1 - self.share) + wide) - log_volume

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether every element lies in the interval, its ends included, to which single precision may round."""
        return np.asarray(((self.low <= points) & (points <= self.high)).all(-1))

    def extremes(self, samples: Floats) -> Floats:
        """The same value in all elements: over the interval, its ends among them where they are included."""
        values = spread_over(self.low, self.high, samples)
        return np.repeat(values[1:-1, None] if self.open else values[:, None], self.dimensions, axis=1)

    def _parts(self, samples: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        y = self._unbounded(samples)
        loc, scale = _middle(y)
        return y[: self.kernels], 0.6 * scale * self.kernels ** (-1 / (self.dimensions + 4)), loc, scale

    def _unbounded(self, points: Floats) -> Floats:
        tiny = 1e-300
        if self.low > -inf and self.high < inf:
            share = np.clip((points - self.low) / (self.high - self.low), 1e-16, 1 - 1e-16)
            return np.asarray(np.log(share) - np.log1p(-share))
        if self.low > -inf:
            return np.asarray(np.log(np.maximum(points - self.low, tiny)))
        if self.high < inf:
            return np.asarray(-np.log(np.maximum(self.high - points, tiny)))
        return points

    def _bounded(self, y: Floats) -> tuple[Floats, Floats]:
        """Points of the box, and the log of the volume that the map gives to each."""
        if self.low > -inf and self.high < inf:
            width = self.high - self.low
            log_share, log_rest = -np.logaddexp(0, -y), -np.logaddexp(0, y)
            points, log_volume = self.low + width * np.exp(log_share), log_share + log_rest + log(width)
        elif self.low > -inf:
            points, log_volume = self.low + np.exp(y), y
        elif self.high < inf:
            points, log_volume = self.high - np.exp(-y), -y
        else:
            points, log_volume = y, np.zeros_like(y)
        return self._inside(points), log_volume.sum(-1)

    def _inside(self, points: Floats) -> Floats:
        """Points that single precision does not round to an end that is excluded."""
        if not self.open:
            return points
        after, before = np.nextafter(np.float32(self.low), np.inf), np.nextafter(np.float32(self.high), -np.inf)
        return np.clip(points, max(float(after), self.low + TINY), min(float(before), self.high - TINY))


def _middle(y: Floats) -> tuple[Floats, Floats]:
    """The median and the half distance of the quartiles of each column, which no tail disturbs."""
    low, middle, high = np.quantile(y, [0.25, 0.5, 0.75], axis=0)
    return middle, np.maximum(0.74 * (high - low), 1e-6 * (1 + np.abs(middle)))

"""Supports of densities: how to integrate over them, and how to propose points all over them.

Everything here is float64 NumPy and depends on samples of the distribution only, so that an error in a component's
density cannot cancel against the same error here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import product
from math import inf, lgamma, log, pi, prod
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from probvae.core import BINARY, OF_KIND, REAL, SIMPLEX, SPHERE, GroupedValues, LogSimplex, Shape, Support, Values

Floats: TypeAlias = npt.NDArray[np.float64]
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


class Space(ABC):
    """A support in D dimensions.

    Attributes:
        axes: how many dimensions the space has of its own: D - 1 for a surface.
    """

    axes: int

    @abstractmethod
    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """Points [N, D] from the unit cube [N, axes], for at most two axes, and the volume [N] of the map at each.

        The map gives more of the cube to where the samples are.
        """

    @abstractmethod
    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """Where in the unit cube [N, axes] points [N, D] come from."""

    @abstractmethod
    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """Points [count, D] from a proposal that covers the space and is dense where the samples are."""

    @abstractmethod
    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """The log-density [N] of the proposal that these samples [M, D] define, at points [N, D]."""

    def coordinates(self, points: Floats) -> Floats:
        """Points [N, D] as numbers that single precision resolves wherever samples lie: their own, or others."""
        return points

    @abstractmethod
    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether each of the points [N, D] is in the space, [N]."""

    def extremes(self, samples: Floats) -> Floats:
        """Points [N, D] all over the space that its definition names, to compare data with; none here."""
        return samples[:0]


def space_of(support: Support, event: Shape) -> Space:
    """The space of a support, for events of a shape; its points are flat."""
    dimensions = prod(event)
    if support == SPHERE:
        return Sphere(dimensions)
    if support == SIMPLEX:
        return Simplex(dimensions)
    if isinstance(support, GroupedValues):
        parts = [space_of(OF_KIND[kind], (size,)) for kind, size in support.groups]
        return Product(parts, [size for _, size in support.groups])
    if isinstance(support, LogSimplex):
        return LogRatios(support.categories, dimensions)
    if not isinstance(support, Values):
        raise NotImplementedError(f"the kit cannot integrate over {support}")
    if support.one_hot:
        return OneHot(event)
    return Lattice(support, dimensions) if support.integer else Box(support, dimensions)


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
        values = _over(self.low, self.high, samples)
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
        values = np.unique(np.round(_over(self.low, self.high, self._integers(samples))))
        return np.repeat(values[:, None], self.dimensions, axis=1) / self.steps

    def _integers(self, points: Floats) -> Floats:
        """Points in units of a step: integers, where rounding to single precision is all that is missing."""
        if self.steps == 1:
            return points
        multiples = points * self.steps
        return np.where(np.abs(multiples - np.round(multiples)) < 1e-3, np.round(multiples), multiples)

    def _table(self, column: Floats) -> tuple[Floats, Floats]:
        """The levels that one element may take, and the probability that the proposal gives each."""
        low, high = self.low, self.high
        if not high - low < 300:
            middle = np.median(
                column
            )  # counts may be as far apart as numbers are: no more levels than fit into memory
            low = max(low, np.floor(max(column.min() - 40, middle - self.reach)))
            high = min(high, np.ceil(min(column.max() + 40, middle + self.reach)))
        levels = np.arange(low, high + 1)
        inside = column[(column >= low) & (column <= high) & (column == np.round(column))]
        counts = np.bincount((inside - low).astype(int), minlength=len(levels)).astype(np.float64)
        observed = counts / max(1.0, counts.sum()) if len(inside) else np.full(len(levels), 1 / len(levels))
        return levels, 0.5 * observed + 0.5 / len(levels)


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


class Sphere(Space):
    """The unit sphere in R^D, under surface area.

    The proposal is uniform by one half, and by the other lies around some samples: power spherical kernels
    (De Cao and Aziz, The power spherical distribution, 2020), whose density is in closed form.

    Args:
        dimensions: D, at least 2.
    """

    kernels = 64

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.axes = dimensions - 1
        self.log_area = log(2) + 0.5 * dimensions * log(pi) - lgamma(0.5 * dimensions)

    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """The circle by its angle; the sphere in three dimensions by angle and height (Archimedes)."""
        angle = 2 * pi * cube[:, 0]
        if self.dimensions == 2:
            return np.stack([np.cos(angle), np.sin(angle)], -1), np.full(len(cube), 2 * pi)
        height = 2 * cube[:, 1] - 1
        ring = np.sqrt(1 - height**2)
        points = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], -1)
        return points, np.full(len(cube), 4 * pi)

    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """The angle, and the height."""
        angle = np.arctan2(points[:, 1], points[:, 0]) / (2 * pi) % 1
        return np.stack([angle, 0.5 * (points[:, 2] + 1)], -1) if self.dimensions == 3 else angle[:, None]

    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """See the class."""
        even = _unit(rng.normal(size=(count, self.dimensions)))
        centres, kappa = self._parts(samples)
        half = 0.5 * (self.dimensions - 1)
        along = 2 * rng.beta(half + kappa, half, size=count) - 1
        centre = centres[rng.integers(len(centres), size=count)]
        across = rng.normal(size=(count, self.dimensions))
        across = _unit(across - (across * centre).sum(-1, keepdims=True) * centre)
        near = along[:, None] * centre + np.sqrt(np.maximum(0, 1 - along[:, None] ** 2)) * across
        return _unit(np.where(rng.random((count, 1)) < 0.5, even, near))

    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """See the class."""
        centres, kappa = self._parts(samples)
        half = 0.5 * (self.dimensions - 1)
        log_norm = (2 * half + kappa) * log(2) + half * log(pi) + lgamma(half + kappa) - lgamma(2 * half + kappa)
        with np.errstate(divide="ignore"):
            near = logsumexp(kappa * np.log1p(np.clip(points @ centres.T, -1, 1)))
        return np.logaddexp(log(0.5) - self.log_area, log(0.5) + near - log_norm - log(len(centres)))

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether the norm is 1 as far as single precision tells."""
        return np.asarray(np.abs(np.linalg.norm(points, axis=-1) - 1) < 1e-4)

    def _parts(self, samples: Floats) -> tuple[Floats, float]:
        """Centres, and a concentration with which neighbours among the samples overlap."""
        centres = _unit(samples[: self.kernels])
        resultant = min(float(np.linalg.norm(samples.mean(0))), 0.999)
        kappa = resultant * (self.dimensions - resultant**2) / (1 - resultant**2)
        return centres, 2.0 + 2 * kappa


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


def _over(low: float, high: float, samples: Floats) -> Floats:
    """Numbers from end to end of an interval; where it has none, from well below to well above the samples."""
    reach = 3 * samples.std() + 3
    return np.linspace(
        low if low > -inf else samples.min() - reach, high if high < inf else samples.max() + reach, 17
    )


def _middle(y: Floats) -> tuple[Floats, Floats]:
    """The median and the half distance of the quartiles of each column, which no tail disturbs."""
    low, middle, high = np.quantile(y, [0.25, 0.5, 0.75], axis=0)
    return middle, np.maximum(0.74 * (high - low), 1e-6 * (1 + np.abs(middle)))


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300))


def logsumexp(x: Floats, axis: int = -1) -> Floats:
    """The log of the sum of exponentials over an axis."""
    top = x.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(x - top).sum(axis)) + top.squeeze(axis))

"""The density of a prior over two of its latents, and its highest-density regions.

The density is evaluated at the centres of the cells of a grid and interpolated between them. A region is where it
exceeds a level. The level is a quantile of the density at fresh samples of the prior, so that a region holds its
share of the mass even where the density is only approximate (Hyndman, Computing and graphing
highest density regions, 1996).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from probvae.core import Array, Distribution, Seed, as_seed, fold_in
from probvae.report.marginal import marginal
from probvae.report.style import NoPictureError

_SAMPLES = 20_000
_EDGES = 160  # evenly spaced edges; the same number again are quantiles of the samples
_CHUNK = 1 << 14  # points per call of log_prob; a mixture of K components takes K times the memory
_TOLERANCE = 0.05  # largest difference from 1 of the total over all cells

_BINS = 256
_BANDWIDTHS = 2.0 ** np.arange(-5, 1)  # multiples of Scott's bandwidth, which assumes one normal
_STRETCHED = 4.0  # largest factor by which a kernel is widened in the tails


@dataclass(frozen=True)
class Table:
    """A density over two latents, tabulated at the centres of the cells of a grid.

    Args:
        edges: the edges of the cells, [M + 1] and [N + 1].
        density: [M, N].
    """

    edges: tuple[Array, Array]
    density: Array

    @property
    def centres(self) -> tuple[Array, Array]:
        """The centres of the cells: [M] and [N]."""
        first, second = ((edges[:-1] + edges[1:]) / 2 for edges in self.edges)
        return first, second

    @property
    def mass(self) -> Array:
        """The probability of each cell: [M, N]; the total is about 1."""
        return self.density * np.outer(*(np.diff(edges) for edges in self.edges))

    def at(self, points: Array) -> Array:
        """The density at points [..., 2], interpolated between the centres and 0 outside of them: [...]."""
        corner, shares, inside = [], [], np.ones(points.shape[:-1], bool)
        for centres, place in zip(self.centres, np.moveaxis(points, -1, 0), strict=True):
            below = np.clip(np.searchsorted(centres, place) - 1, 0, len(centres) - 2)
            share = (place - centres[below]) / (centres[below + 1] - centres[below])
            inside &= (share >= 0) & (share <= 1)
            corner.append((below, below + 1))
            shares.append((1 - share, share))
        around = sum(
            shares[0][i] * shares[1][j] * self.density[corner[0][i], corner[1][j]] for i in (0, 1) for j in (0, 1)
        )
        return np.where(inside, around, 0.0)


@dataclass(frozen=True)
class Regions:
    """Highest-density regions of a prior.

    Args:
        table: its density.
        levels: the densities that bound the regions, ascending and distinct.
    """

    table: Table
    levels: Array

    @property
    def corners(self) -> Array:
        """The lowest and the highest corner of the bounding box of the largest region: [2, 2]."""
        inside = self.table.density >= self.levels[0]
        first, second = self.table.centres
        first, second = first[inside.any(axis=1)], second[inside.any(axis=0)]
        return np.array([[first.min(), second.min()], [first.max(), second.max()]])


def regions(prior: Distribution, axes: tuple[int, int], shares: Sequence[float], seed: Seed = 0) -> Regions:
    """The regions of two of a prior's latents that hold these shares of its mass.

    Where the marginal density of the two latents is known, it is used; otherwise it is estimated from samples.

    Args:
        prior: p(z), [], [D].
        axes: which two of the D.
        shares: between 0 and 1.
        seed: seed of the samples.

    Raises:
        NoPictureError: the samples are not finite, or one of the two latents is constant.
    """
    fresh = draws(prior, _SAMPLES, fold_in(seed, 0))[:, axes]
    table = _known(marginal(prior, axes), fold_in(seed, 1))
    if table is None:
        table = estimated(draws(prior, _SAMPLES, fold_in(seed, 1))[:, axes], fresh)
    density = table.at(fresh)
    # Slightly lower, so that all cells of a plateau, equal up to rounding, are included.
    levels = np.unique(np.quantile(density, 1 - np.asarray(shares)) * (1 - 1e-5))
    return Regions(table, levels)


def _known(prior: Distribution | None, seed: Seed) -> Table | None:
    """The tabulated density, or None where it is unknown or a table is too coarse for it."""
    if prior is None:
        return None
    try:
        return tabulate(prior, seed)
    except NoPictureError:
        return None


def tabulate(prior: Distribution, seed: Seed = 0) -> Table:
    """The density of a prior of two latents, on a grid that is finer where it has more samples.

    Args:
        prior: p(z), [], [2].
        seed: seed of the samples that place the cells.

    Raises:
        NoPictureError: there is no density, or it does not sum to 1 over the cells.
    """
    samples = draws(prior, _SAMPLES, seed)  # [S, 2]
    edges = (cells(samples[:, 0]), cells(samples[:, 1]))
    table = Table(edges, np.zeros(()))
    points = np.stack(np.meshgrid(*table.centres, indexing="ij"), axis=-1)  # [M, N, 2]
    table = Table(edges, np.exp(log_density(prior, points)))
    expect_total(float(table.mass.sum()), table.density.size)
    return table


def expect_total(total: float, count: int) -> None:
    """Check that a density sums to 1.

    Raises:
        NoPictureError: it does not.
    """
    if not abs(total - 1) < _TOLERANCE:
        raise NoPictureError(
            f"The prior's density sums to {total:.2f} over {count:,} cells that cover its samples, and not to 1. "
            "Either the density is not that of the samples (`probvae check` finds out), or it is too narrow or "
            "too heavy-tailed for a table."
        )


def estimated(points: Array, fresh: Array) -> Table:
    """An adaptive kernel density estimate from points [S, 2].

    The bandwidth is the best of several by the integrated squared error, which fresh samples estimate without
    bias, up to a constant (after Rudemo, Empirical choice of histograms and kernel density estimators, 1982). Then
    the kernel of each point is scaled by one over the square root of the density there (Abramson, On bandwidth
    variation in kernel estimates, 1982), and the bandwidth is chosen again.

    Args:
        points: [S, 2].
        fresh: independent points from the same density, [N, 2].
    """
    low, high = np.quantile(points, [0.0005, 0.9995], axis=0)
    room = 0.15 * (high - low) + 1e-6
    edges = np.linspace(low - room, high + room, _BINS + 1).T  # [2, bins + 1]
    box = edges[:, [0, -1]].tolist()
    scott = points.std(axis=0) * len(points) ** (-1 / 6)

    def best(stretch: Array) -> Table:
        rounded = 2 ** (np.round(2 * np.log2(stretch)) / 2)  # so that a few histograms are enough
        parts = {}
        for step in np.unique(rounded).tolist():
            here = points[rounded == step]
            parts[step] = np.histogram2d(here[:, 0], here[:, 1], _BINS, box)[0] / len(points)
        tables = [_blurred(parts, edges, bandwidth * scott) for bandwidth in _BANDWIDTHS]
        return max(tables, key=lambda table: 2 * table.at(fresh).mean() - (table.density * table.mass).sum())

    pilot = best(np.ones(len(points))).at(points)
    log_pilot = np.log(np.maximum(pilot, 1e-6 * pilot.max()))
    stretch = np.exp((log_pilot.mean() - log_pilot) / 2)
    return best(np.clip(stretch, 1 / _STRETCHED, _STRETCHED))


def _blurred(parts: Mapping[float, Array], edges: Array, scale: Array) -> Table:
    """The sum of histograms [bins, bins], each smoothed by normal kernels of width key times `scale` [2]."""
    width = edges[:, 1] - edges[:, 0]  # [2], of a bin
    apart = np.subtract.outer(np.arange(_BINS), np.arange(_BINS))
    mass = np.zeros((_BINS, _BINS))
    for stretch, part in parts.items():
        bins = np.maximum(stretch * scale / width, 0.5)
        kernels = np.exp(-0.5 * (apart / bins[:, None, None]) ** 2)
        first, second = kernels / kernels.sum(axis=1, keepdims=True)  # the mass of a sample is preserved
        mass += first @ part @ second.T
    return Table((edges[0], edges[1]), mass / width.prod())


def draws(prior: Distribution, count: int, seed: Seed) -> Array:
    """Samples of a prior: float64 [count, D]."""
    samples = prior.sample(count, seed=as_seed(seed)).numpy().astype(np.float64)
    if not np.isfinite(samples).all():
        raise NoPictureError("The prior's samples are not all finite numbers.")
    return samples


def cells(samples: Array) -> Array:
    """Edges of cells that cover samples [S]: half of them evenly spaced, half at quantiles."""
    low, high = samples.min(), samples.max()
    if low == high:
        raise NoPictureError(f"All samples of the prior have a latent at {low:g}: it has no density.")
    room = 0.1 * (high - low)
    even = np.linspace(low - room, high + room, _EDGES)
    return np.unique(np.concatenate([even, np.quantile(samples, np.linspace(0, 1, _EDGES))]))


def log_density(prior: Distribution, points: Array) -> Array:
    """The density's logarithm at points [..., 2]: float64 [...], minus infinity where the prior is not defined."""
    flat = points.reshape(-1, 2)

    def parts() -> Iterator[Array]:
        for start in range(0, len(flat), _CHUNK):
            yield prior.log_prob(tf.constant(flat[start : start + _CHUNK], prior.dtype)).numpy()

    try:
        found = np.concatenate(list(parts())).astype(np.float64)
    except NotImplementedError:
        raise NoPictureError("The prior's density is not known: its distribution has no log_prob.") from None
    return np.where(np.isnan(found), -np.inf, found).reshape(points.shape[:-1])

"""Where a prior of two latents has its mass, from its density alone: contours, and points at its quantiles.

The density is taken at the centres of the cells of a grid that covers samples of the prior and is finer where
there are more of them, so that narrow components are resolved and heavy tails are covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from probvae.core import Array, Distribution, Seed, as_seed
from probvae.report.style import NoPictureError

_SAMPLES = 20_000
_EDGES = 160  # evenly spaced ones, and as many again at quantiles of the samples
_CHUNK = 1 << 14  # densities at a time: a mixture of hundreds of posteriors takes memory for each of them
_TOLERANCE = 0.05  # how far from 1 the cells' total may be


@dataclass(frozen=True)
class Table:
    """A density in the plane, constant on each cell of a grid.

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
        """The probability of each cell: [M, N], in total about 1."""
        return self.density * np.outer(*(np.diff(edges) for edges in self.edges))

    def levels(self, *shares: float) -> Array:
        """The densities above which these shares of the mass lie, from the lowest up, equal ones once."""
        order = np.argsort(self.density, axis=None)[::-1]
        below = np.cumsum(self.mass.ravel()[order])
        found = np.searchsorted(below, np.asarray(shares) * below[-1])
        # A little lower, so that the cells of a plateau, equal up to rounding, are all above.
        return np.unique(self.density.ravel()[order][found] * (1 - 1e-5))

    def corners(self, share: float) -> Array:
        """The lowest and the highest corner of a box around that share of the mass: [2, 2]."""
        inside = self.density >= self.levels(share)[0]
        first, second = self.centres
        first, second = first[inside.any(axis=1)], second[inside.any(axis=0)]
        return np.array([[first.min(), second.min()], [first.max(), second.max()]])


def tabulate(prior: Distribution, seed: Seed = 0) -> Table:
    """The density of a prior of two latents.

    Args:
        prior: p(z), [], [2].
        seed: what the samples that say where to look are a function of.

    Raises:
        NoPictureError: there is no density, or the cells' total is not 1, so that the table would mislead.
    """
    samples = draws(prior, _SAMPLES, seed)  # [S, 2]
    edges = (_edges(samples[:, 0]), _edges(samples[:, 1]))
    table = Table(edges, np.zeros(()))
    points = np.stack(np.meshgrid(*table.centres, indexing="ij"), axis=-1)  # [M, N, 2]
    table = Table(edges, np.exp(_log_prob(prior, points)))
    total = float(table.mass.sum())
    if not abs(total - 1) < _TOLERANCE:
        raise NoPictureError(
            f"The prior's density sums to {total:.2f} over {table.density.size:,} cells that cover its samples, "
            "and not to 1. Either the density and the samples do not belong together (`probvae check` tells), "
            "or the density is too narrow or too heavy-tailed for a table."
        )
    return table


def quantile_grid(prior: Distribution, first: Array, second: Array, seed: Seed = 0) -> Array:
    """The latents at given quantiles of a prior of two, by the inverse of Rosenblatt's transform.

    z1 is the quantile of its marginal, z2 of its conditional given that z1 (Rosenblatt, Remarks on a
    multivariate transformation, 1952): uniform levels become the prior, whatever it is.

    Args:
        prior: p(z), [], [2].
        first: levels between 0 and 1 for z1, [M].
        second: levels between 0 and 1 for z2, [N].
        seed: as for `tabulate`.

    Returns:
        [M, N, 2].
    """
    table = tabulate(prior, seed)
    z1 = _quantiles(table.mass.sum(axis=1), table.edges[0], first)  # [M]
    points = np.stack(np.meshgrid(z1, table.centres[1], indexing="ij"), axis=-1)
    log_prob = _log_prob(prior, points)  # [M, cells]
    conditional = np.exp(log_prob - log_prob.max(axis=1, keepdims=True)) * np.diff(table.edges[1])
    z2 = np.stack([_quantiles(mass, table.edges[1], second) for mass in conditional])  # [M, N]
    return np.stack([np.broadcast_to(z1[:, None], z2.shape), z2], axis=-1)


def smoothed(points: Array) -> Table:
    """The density that points [S, 2] come from, by a histogram with a blur."""
    low, high = np.quantile(points, [0.0005, 0.9995], axis=0)
    room = 0.15 * (high - low) + 1e-6
    bins = 128
    box = np.stack([low - room, high + room], axis=1).tolist()  # [2, (low, high)]
    counts, *edges = np.histogram2d(points[:, 0], points[:, 1], bins=bins, range=box)
    # Less than Scott's bandwidth, which is meant for one normal and would smear several into one.
    cells = 0.7 * points.std(axis=0) * len(points) ** (-1 / 6) / ((high - low + 2 * room) / bins)
    apart = np.subtract.outer(np.arange(bins), np.arange(bins))
    kernels = [np.exp(-0.5 * (apart / max(width, 0.5)) ** 2) for width in cells]
    first, second = (kernel / kernel.sum(axis=1, keepdims=True) for kernel in kernels)
    density = first @ counts @ second.T
    area = np.outer(*(np.diff(edge) for edge in edges))
    return Table((edges[0], edges[1]), density / (density * area).sum())


def draws(prior: Distribution, count: int, seed: Seed) -> Array:
    """Samples of a prior: float64 [count, D]."""
    samples = prior.sample(count, seed=as_seed(seed)).numpy().astype(np.float64)
    if not np.isfinite(samples).all():
        raise NoPictureError("The prior's samples are not all finite numbers.")
    return samples


def _edges(samples: Array) -> Array:
    low, high = samples.min(), samples.max()
    if low == high:
        raise NoPictureError(f"All samples of the prior have a latent at {low:g}: it has no density.")
    room = 0.1 * (high - low)
    even = np.linspace(low - room, high + room, _EDGES)
    return np.unique(np.concatenate([even, np.quantile(samples, np.linspace(0, 1, _EDGES))]))


def _log_prob(prior: Distribution, points: Array) -> Array:
    """The density's logarithm at points [..., 2]: float64 [...], minus infinity where the prior is not defined."""
    flat = points.reshape(-1, 2).astype(np.float32)
    starts = range(0, len(flat), _CHUNK)
    try:
        parts = [prior.log_prob(tf.constant(flat[start : start + _CHUNK])).numpy() for start in starts]
    except NotImplementedError:
        raise NoPictureError("The prior's density is not known: its distribution has no log_prob.") from None
    log_prob = np.concatenate(parts).astype(np.float64)
    return np.where(np.isnan(log_prob), -np.inf, log_prob).reshape(points.shape[:-1])


def _quantiles(mass: Array, edges: Array, levels: Array) -> Array:
    """Where the cumulated mass of cells [M] between edges [M + 1] reaches each level."""
    cumulated = np.concatenate([[0.0], np.cumsum(mass)])
    return np.interp(levels, cumulated / cumulated[-1], edges)

"""The latents at given quantiles of a prior over two latents."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from probvae.core import Array, Distribution, Seed, fold_in
from probvae.report.density import cells, draws, expect_total, log_density
from probvae.report.style import NoPictureError

_SAMPLES = 20_000
_CHECKED = 500  # number of fresh samples in the check
_APART = 0.12  # largest distance from uniform; exceeded by chance once in a million times
_SHARE = 0.02  # largest fraction of the mass in one cell
_REFINEMENTS = 6


def quantile_grid(prior: Distribution, first: Array, second: Array, seed: Seed = 0) -> Array:
    """The latents at given quantiles of a prior over two latents, by the inverse of Rosenblatt's transform.

    z1 is the quantile of its marginal, z2 of its conditional given that z1 (Rosenblatt, Remarks on a
    multivariate transformation, 1952): uniform levels become samples of the prior. Fresh samples are
    transformed to check it: their levels must be uniform.

    Args:
        prior: p(z), [], [2].
        first: levels between 0 and 1 for z1, [M].
        second: levels between 0 and 1 for z2, [N].
        seed: seed of the samples that place the cells and of those that check the result.

    Returns:
        [M, N, 2].

    Raises:
        NoPictureError: there is no density, it does not sum to 1, or the samples have another density.
    """
    samples = draws(prior, _SAMPLES, fold_in(seed, 0))  # [S, 2]
    edges = cells(samples[:, 0])
    density = _slices(prior, (edges[:-1] + edges[1:]) / 2, samples).density  # [cells]
    mass = density * np.diff(edges)
    expect_total(float(mass.sum()), len(mass))
    cumulated = np.concatenate([[0.0], np.cumsum(mass / mass.sum())])
    _check(prior, samples, edges, cumulated, fold_in(seed, 1))
    z1 = np.interp(first, cumulated, edges)  # [M]
    slices = _slices(prior, z1, samples)
    rows = zip(slices.cumulated, slices.edges, strict=True)
    z2 = np.stack([np.interp(second, levels, places) for levels, places in rows])  # [M, N]
    return np.stack([np.broadcast_to(z1[:, None], z2.shape), z2], axis=-1)


def _check(prior: Distribution, samples: Array, edges: Array, cumulated: Array, seed: Seed) -> None:
    """Check the quantiles on fresh samples by the Kolmogorov-Smirnov test."""
    fresh = draws(prior, _CHECKED, seed)  # [N, 2]
    slices = _slices(prior, fresh[:, 0], samples)
    rows = zip(fresh[:, 1], slices.edges, slices.cumulated, strict=True)
    u1 = np.interp(fresh[:, 0], edges, cumulated)
    u2 = np.array([np.interp(*row) for row in rows])
    uniform = (np.arange(_CHECKED) + 0.5) / _CHECKED
    # The last two are uniform too, unless u2 depends on u1.
    apart = max(float(np.abs(np.sort(u) - uniform).max()) for u in (u1, u2, (u1 + u2) % 1, (u1 - u2) % 1))
    if apart > _APART:
        raise NoPictureError(
            f"The quantiles of the prior's density are not those of its samples: levels differ by {apart:.2f}. "
            "Either the density is not that of the samples (`probvae check` finds out), or it is too narrow for a "
            "table."
        )


class _Slices(NamedTuple):
    """The density along z2 at M values of z1.

    Args:
        edges: of cells along z2, for each z1: [M, N + 1].
        cumulated: the conditional probability of z2 below each edge: [M, N + 1].
        density: of z1: [M].
    """

    edges: Array
    cumulated: Array
    density: Array


def _slices(prior: Distribution, z1: Array, samples: Array) -> _Slices:
    """The density at each z1, in cells that are refined until each holds little of the mass."""
    coarse = cells(samples[:, 1])
    edges = np.broadcast_to(coarse, (len(z1), len(coarse)))
    for refinement in range(_REFINEMENTS + 1):
        widths = np.maximum(np.diff(edges, axis=1), 1e-300)  # two edges may be equal
        z2 = edges[:, :-1] + widths / 2
        log_mass = log_density(prior, np.stack(np.broadcast_arrays(z1[:, None], z2), axis=-1)) + np.log(widths)
        log_total = np.logaddexp.reduce(log_mass, axis=1, keepdims=True)
        share = np.exp(log_mass - np.where(np.isfinite(log_total), log_total, 0.0))  # [M, N]
        if share.max() <= _SHARE or refinement == _REFINEMENTS:
            break
        edges = np.stack([_refined(one, part, coarse) for one, part in zip(edges, share, strict=True)])
    cumulated = np.concatenate([np.zeros((len(z1), 1)), np.cumsum(share, axis=1)], axis=1)
    return _Slices(edges, cumulated, np.exp(log_total[:, 0]))


def _refined(edges: Array, share: Array, coarse: Array) -> Array:
    """The coarse edges, and the same number at quantiles of the cells' smoothed shares."""
    spread = np.convolve(share, (0.25, 0.5, 0.25), mode="same") + 1e-12
    cumulated = np.concatenate([[0.0], np.cumsum(spread)])
    levels = cumulated[-1] * (1 - np.cos(np.linspace(0, np.pi, len(coarse)))) / 2  # closer in the tails
    return np.sort(np.concatenate([coarse, np.interp(levels, cumulated, edges)]))

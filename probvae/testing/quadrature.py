"""Adaptive quadrature over the unit interval or square: cells are split where splitting still changes the sum."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from probvae.testing.floats import Floats

MOST = 150_000
"""Largest number of points at which a function is evaluated."""


CROWD = 4
"""A cell with more hints than this is split at once."""
DEPTH = 14


def integral(function: Callable[[Floats], Floats], hints: Floats, tolerance: float = 5e-4) -> tuple[float, float]:
    """The integral of a function over the unit cube, and an estimate of its error.

    Each cell has a Gauss-Legendre rule of three points on an axis. The error of a cell is how much its integral
    changed when it was split; the cells with the largest errors are split next.

    Args:
        function: points [N, axes] -> values [N].
        hints: points [M, axes] where the function is large, on one or two axes: a narrow ridge between the nodes
            of a coarse cell would never be noticed.
        tolerance: the error that is good enough.
    """
    axes = hints.shape[1]
    corners, widths = _start(hints)
    if widths.min() < 2.0**-DEPTH:  # the narrowest that there is: no rule would settle
        return float("nan"), float("inf")
    sums = _sums(function, corners, widths)
    evaluated = len(corners) * 3**axes
    errors = np.full(len(corners), np.inf)
    while evaluated < MOST:
        order = np.argsort(-errors)
        rest = np.cumsum(errors[order][::-1])[::-1]  # what is left if a cell and those after it are not split
        split = order[rest > tolerance / 2]
        split = split[: max(1, (MOST - evaluated) // 6**axes)]
        if not len(split):
            break
        halves = np.array(list(product((0.0, 0.5), repeat=axes)))  # [2^axes, axes]
        inner = (corners[split, None] + halves * widths[split, None, None]).reshape(-1, axes)
        inner_widths = np.repeat(widths[split] / 2, 2**axes)
        inner_sums = _sums(function, inner, inner_widths)
        evaluated += len(inner) * 3**axes
        change = np.abs(inner_sums.reshape(-1, 2**axes).sum(1) - sums[split])
        kept = np.ones(len(corners), bool)
        kept[split] = False
        corners = np.concatenate([corners[kept], inner])
        widths = np.concatenate([widths[kept], inner_widths])
        sums = np.concatenate([sums[kept], inner_sums])
        errors = np.concatenate([errors[kept], np.repeat(change / 2**axes, 2**axes)])
        if np.all(np.isfinite(errors)) and errors.sum() < tolerance:
            break
    return float(sums.sum()), float(errors.sum())


def _start(hints: Floats) -> tuple[Floats, Floats]:
    """The corners [M, axes] and widths [M] of the first cells: 16 on an axis, and finer where hints crowd."""
    axes = hints.shape[1]
    width, found = 1 / 16, []
    corners = np.array(list(product(np.arange(16), repeat=axes)))  # in units of the width
    for _ in range(DEPTH):
        keys, counts = np.unique(np.floor(hints / width).astype(np.int64), axis=0, return_counts=True)
        crowded = {tuple(key) for key in keys[counts > CROWD]}
        split = np.array([tuple(corner) in crowded for corner in corners], bool)
        found.append((corners[~split] * width, np.full((~split).sum(), width)))
        halves = np.array(list(product((0, 1), repeat=axes)))
        corners, width = (2 * corners[split, None] + halves).reshape(-1, axes), width / 2
        if not len(corners):
            break
    found.append((corners * width, np.full(len(corners), width)))
    return np.concatenate([c for c, _ in found]), np.concatenate([w for _, w in found])


def _sums(function: Callable[[Floats], Floats], corners: Floats, widths: Floats) -> Floats:
    """The integral over each cell, [M]."""
    axes = corners.shape[1]
    places, weights = np.polynomial.legendre.leggauss(3)
    nodes = np.array(list(product((places + 1) / 2, repeat=axes)))  # [3^axes, axes]
    shares = np.array([np.prod(w) for w in product(weights / 2, repeat=axes)])
    points = (corners[:, None] + nodes * widths[:, None, None]).reshape(-1, axes)
    values = function(points).reshape(len(corners), -1)
    return np.asarray((values @ shares) * widths**axes)

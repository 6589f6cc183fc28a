"""The tail of importance weights: the shape of a generalised Pareto distribution fitted to the largest of them."""

from __future__ import annotations

import math

import numpy as np

from probvae.core import Array

LEAST = 5
"""Fewer weights make no tail."""


def tail_size(samples: int) -> int:
    """M = min(S/5, 3 sqrt(S)), rounded down: how many of S weights are the tail."""
    return int(min(samples / 5, 3 * math.sqrt(samples)))


def pareto_k(largest: Array) -> Array:
    """Pareto k̂ of importance weights: the shape of the tail of their distribution.

    Moments of order 1/k and above are infinite: above 0.5 the variance of the weights, above 1 their mean. An
    estimate is reliable up to about 0.7. The fit is that of Zhang and Stephens (A new and efficient estimation
    method for the generalized Pareto distribution, 2009), with a prior of 0.5 that counts as 10 weights, as in
    Vehtari, Simpson, Gelman, Yao, Gabry (Pareto smoothed importance sampling, 2024).

    Args:
        largest: the M + 1 largest log-weights of each example, [M + 1, N], in any order; see `tail_size`.

    Returns:
        [N]: NaN where M is below 5; infinity where a quarter of the tail is negligible beside the largest weight;
        and -infinity where all M + 1 are equal.
    """
    M = len(largest) - 1
    if M < LEAST:
        return np.full(largest.shape[1], np.nan)
    ordered = np.sort(largest.astype(np.float64), axis=0)  # [M + 1, N]
    equal = ordered[0] == ordered[-1]
    with np.errstate(invalid="ignore"):  # all weights are 0
        weights = np.exp(ordered - ordered[-1])
    excess = weights[1:] - weights[0]  # [M, N]
    ties = np.sum(ordered[1:] == ordered[0], axis=0)  # [N]
    place = np.minimum(ties + (0.25 * (M - ties) + 0.5).astype(np.int64), M) - 1  # the quartile of the others
    quartile = np.take_along_axis(excess, np.maximum(place, 0)[None], axis=0)[0]
    found = np.where(equal, -np.inf, np.inf)
    fit = quartile > np.finfo(np.float64).tiny
    found[fit] = _shape(excess[:, fit], quartile[fit])
    return found


def _shape(excess: Array, quartile: Array) -> Array:
    """The shapes of generalised Pareto distributions of values [M, N], ascending from 0, by quartile [N]: [N]."""
    M = len(excess)
    grid = 30 + math.isqrt(M)
    places = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    theta = places[:, None] / (3 * quartile) + 1 / excess[-1]  # [grid, N]
    shape = np.log1p(-theta[:, None] * excess).mean(axis=1)  # [grid, N]
    profile = M * (np.log(-theta / shape) - shape - 1)  # the log-likelihood
    posterior = np.exp(profile - np.logaddexp.reduce(profile))
    mean = np.sum(theta * posterior, axis=0)  # [N]
    return (M * np.log1p(-mean * excess).mean(axis=0) + 10 * 0.5) / (M + 10)

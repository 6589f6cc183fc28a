"""Dependence between two sets of draws, paired by their order."""

from __future__ import annotations

from math import log, sqrt
from typing import NamedTuple

import numpy as np

from probvae.testing.floats import Floats


class Dependence(NamedTuple):
    """The element by which two sets of draws depend on each other most.

    Args:
        excess: how many times its rank correlation exceeds what chance explains; above 1 is an alarm.
        element: which it is.
    """

    excess: float
    element: int


def dependence(one: Floats, other: Floats, alpha: float) -> Dependence:
    """The largest rank correlation (Spearman, 1904) between the same elements of draws [N, D] and [N, D].

    Values are correlated, and their distances from the median: draws that share a scale only are far out together.
    If the draws are independent, a correlation is the mean of N products whose mean is 0 and whose variance is 1,
    whatever the distribution, and the inequality of Bernstein (1924) bounds it; rare values of a count, whose
    products are large, have wide limits.

    Args:
        one: [N, D].
        other: [N, D].
        alpha: the probability of an alarm (excess > 1) if the draws are independent.
    """
    chance = log(4 * one.shape[1] / alpha)  # two sides of two correlations for each element
    worst = Dependence(0.0, 0)
    for element, (a, b) in enumerate(zip(one.T, other.T, strict=True)):
        for left, right in ((a, b), (np.abs(a - np.median(a)), np.abs(b - np.median(b)))):
            x, y = _scores(left), _scores(right)
            largest = np.abs(x).max() * np.abs(y).max()
            bound = sqrt(2 * chance / len(x)) + 2 * chance * largest / (3 * len(x))
            worst = max(worst, Dependence(float(abs(np.mean(x * y)) / bound), element))
    return worst


def _scores(values: Floats) -> Floats:
    """Ranks [N] with mean 0 and variance 1, equal where values are; 0 where all of them are equal."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2)[place]
    return np.asarray((ranks - ranks.mean()) / max(ranks.std(), 1e-9))

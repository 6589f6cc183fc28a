"""Sums over the importance samples of some examples, in double precision and constant memory."""

from __future__ import annotations

import math

import numpy as np

from probvae.core import Array
from probvae.evaluation.pareto import pareto_k, tail_size


class Running:
    """What is kept of the log-weights of N examples while they are drawn.

    Args:
        examples: N.
        samples: S, how many will be added for each of them.
    """

    def __init__(self, examples: int, samples: int) -> None:
        self.samples = samples
        self.count = 0
        self._sum = np.zeros(examples)
        self._squares = np.zeros(examples)  # the sum of squared distances from the mean
        self._log_sum = np.full(examples, -math.inf)
        self._log_sum_of_squares = np.full(examples, -math.inf)
        self._log_sum_of_half = np.full(examples, -math.inf)
        self._largest = np.zeros((0, examples))

    def add(self, log_w: Array) -> None:
        """Take in the next log-weights [s, N]."""
        for part in np.split(log_w.astype(np.float64), [max(0, self.samples // 2 - self.count)]):
            if len(part):
                self._add(part)
            if self.count == self.samples // 2:
                self._log_sum_of_half = self._log_sum

    def _add(self, log_w: Array) -> None:
        before, total = self.count, log_w.sum(axis=0)
        with np.errstate(invalid="ignore"):  # a weight of 0, whose logarithm is -infinity
            apart = total / len(log_w) - self._sum / max(1, before)
            self._squares += np.square(log_w - total / len(log_w)).sum(axis=0)
            self._squares += np.square(apart) * (before * len(log_w) / (before + len(log_w)))
        self._sum = self._sum + total
        self.count += len(log_w)
        self._log_sum = np.logaddexp.reduce(np.concatenate([self._log_sum[None], log_w]))
        self._log_sum_of_squares = np.logaddexp.reduce(np.concatenate([self._log_sum_of_squares[None], 2 * log_w]))
        kept = tail_size(self.samples) + 1
        self._largest = np.concatenate([self._largest, log_w])
        if len(self._largest) > kept:
            self._largest = np.partition(self._largest, -kept, axis=0)[-kept:]

    def found(self) -> dict[str, Array]:
        """The estimates for each example, [N] by name; see `example_bounds`."""
        S, half = self.count, self.samples // 2
        undefined = np.full_like(self._sum, np.nan)
        with np.errstate(invalid="ignore"):  # all weights are 0
            size = np.exp(2 * self._log_sum - self._log_sum_of_squares)
        return {
            "elbo": self._sum / S,
            "elbo_error": np.sqrt(self._squares / (S - 1) / S) if S > 1 else undefined,
            "importance_weighted": self._log_sum - math.log(S),
            "importance_weighted_half": self._log_sum_of_half - math.log(half) if half else undefined,
            "effective_sample_size": size,
            "pareto_k": pareto_k(self._largest),
        }

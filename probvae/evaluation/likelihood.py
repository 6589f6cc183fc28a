"""Estimates of log p(x): the evidence lower bound, and the tighter importance-weighted bound.

For a conditional model they are of log p(x|c), at the conditions of the data; for examples with missing values, of
the elements that are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from probvae.core import VAE, Array, Seed, Split, Stream, fold_in
from probvae.data.feeding.batches import padded_batches
from probvae.errors import UserError
from probvae.evaluation.running import Running
from probvae.evaluation.weights import ROWS, Weigher

FEW = 5.0
"""An effective sample size below this says that a handful of samples decides the estimate."""

HEAVY = 0.7
"""A Pareto k̂ above this says that the largest weights are still to come, and that errors are too small."""

RISE = 0.1
"""The bound has not converged if it rises by more from S/2 to S samples, in nats."""

SHARE = 0.05
"""Nor if a larger share of the examples has a smaller effective sample size than `FEW`."""

Progress = Callable[[float, int], None]
"""What is called while examples are evaluated, with the number of them that are done, and of all."""


@dataclass(frozen=True)
class Bits:
    """A mean over examples, in bits per dimension: what an ideal code takes for each element of discrete data.

    Args:
        value: the mean.
        standard_error: of the mean, over the examples; None for a single example.
    """

    value: float
    standard_error: float | None

    def __str__(self) -> str:
        error = "?" if self.standard_error is None else f"{self.standard_error:.3f}"
        return f"{self.value:.3f} ± {error}"


@dataclass(frozen=True)
class Estimate:
    """A mean over examples, in nats per example.

    Args:
        value: the mean.
        standard_error: of the mean, for the population that the examples are from; None for a single example.
        monte_carlo_error: the part of it that more samples reduce: the standard deviation of the value over seeds,
            for these examples; None if it is not known, as from a single sample.
        examples: the number of examples.
        samples: S, the number of latents per example.
    """

    value: float
    standard_error: float | None
    monte_carlo_error: float | None
    examples: int
    samples: int

    @classmethod
    def of(cls, values: Array, errors: Array | None, samples: int) -> Estimate:
        """The mean of values of examples, with their Monte Carlo errors: [N] each."""
        N = len(values)
        error = float(np.std(values, ddof=1) / math.sqrt(N)) if N > 1 else None
        noise = None if errors is None else float(np.sqrt(np.sum(np.square(errors))) / N)
        known = noise is not None and math.isfinite(noise)
        return cls(float(np.mean(values)), error, noise if known else None, N, samples)

    def __str__(self) -> str:
        error = "?" if self.standard_error is None else f"{self.standard_error:.2f}"
        return f"{self.value:.2f} ± {error}"

    def bits(self, dimensions: int) -> Bits:
        """The negative in bits per dimension, for examples of `dimensions` elements."""
        nats = dimensions * math.log(2)
        return Bits(-self.value / nats, None if self.standard_error is None else self.standard_error / nats)


class Bounds(NamedTuple):
    """Two lower bounds on log p(x), from the same samples.

    Args:
        elbo: the evidence lower bound, E_q[log p(x, z) - log q(z|x)].
        importance_weighted: log 1/S sum_s p(x, z_s) / q(z_s|x), which rises to log p(x) with S (Burda, Grosse,
            Salakhutdinov, Importance weighted autoencoders, 2016). Its Monte Carlo error is by the delta method,
            sqrt(1/ESS - 1/S) for an example.
    """

    elbo: Estimate
    importance_weighted: Estimate

    @classmethod
    def of(cls, found: Mapping[str, Array], samples: int) -> Bounds:
        """The means over examples, with their errors; for `found` see `example_bounds`."""
        of_weighted = np.sqrt(np.maximum(0.0, 1.0 / found["effective_sample_size"] - 1.0 / samples))
        return cls(
            Estimate.of(found["elbo"], found["elbo_error"], samples),
            Estimate.of(found["importance_weighted"], of_weighted if samples > 1 else None, samples),
        )


@dataclass(frozen=True)
class Convergence:
    """How far an importance-weighted bound has come to log p(x).

    Args:
        samples: S.
        half: the bound with the first S/2 of the samples, in nats per example; None if S is 1.
        rise: how much higher it is with S samples.
        effective_sample_size: the median over examples of (sum_s w_s)² / sum_s w_s², which is S if all weights are
            equal (Kish, Survey sampling, 1965).
        share_under_5: the share of examples in which it is below 5.
        share_k_over_0_7: the share of examples whose Pareto k̂ is above 0.7; None below 25 samples. See `pareto_k`.
    """

    samples: int
    half: float | None
    rise: float | None
    effective_sample_size: float
    share_under_5: float
    share_k_over_0_7: float | None

    @classmethod
    def of(cls, found: Mapping[str, Array], samples: int) -> Convergence:
        """From the estimates for each example; see `example_bounds`."""
        half = float(found["importance_weighted_half"].mean()) if samples > 1 else None
        size, k = found["effective_sample_size"], found["pareto_k"]
        return cls(
            samples,
            half,
            None if half is None else float(found["importance_weighted"].mean()) - half,
            float(np.median(size)),
            float(np.mean(size < FEW)),
            None if np.isnan(k).any() else float(np.mean(k > HEAVY)),
        )

    @property
    def warning(self) -> str:
        """What says that the bound has not converged, and what to do; "" if nothing does."""
        if self.rise is None:
            return f"one sample says nothing about convergence; use --samples {self._enough}"
        seen = []
        if self.rise > RISE:
            half = self.samples // 2
            seen.append(f"it rose by {self.rise:.2f} nats from {half:,} to {self.samples:,} samples")
        if self.share_under_5 > SHARE:
            seen.append(f"{self.share_under_5:.0%} of the examples have an effective sample size under {FEW:g}")
        found = ", and ".join(seen)
        return f"importance-weighted bound not converged: {found}; use --samples {self._enough}" if seen else ""

    @property
    def _enough(self) -> int:
        """A number of samples to try next: published tables use 5,000."""
        return max(5000, 10 * self.samples)


def bounds(
    vae: VAE,
    split: Split,
    samples: int,
    seed: Seed = 0,
    batch_size: int = 2000,
    progress: Progress | None = None,
) -> Bounds:
    """Estimate both bounds on log p(x), in nats per example, averaged over a split; see `example_bounds`."""
    return Bounds.of(example_bounds(vae, split, samples, seed, batch_size, progress), samples)


def example_bounds(
    vae: VAE,
    split: Split,
    samples: int,
    seed: Seed = 0,
    batch_size: int = 2000,
    progress: Progress | None = None,
) -> dict[str, Array]:
    """Estimate both bounds on log p(x) for each example of a split.

    The binarisation and the latents of an example are a function of the seed and of its place in the split. All
    sums are in double precision. The memory depends neither on S nor on the number of examples.

    Args:
        vae: the model.
        split: the examples.
        samples: S, the number of latents per example.
        seed: the samples and the binarisation on reading are a function of it.
        batch_size: the number of latents that are decoded at a time; the result does not depend on it.
        progress: called now and then with the number of finished examples and of all examples.

    Returns:
        float64 [N] by name: `elbo` and `importance_weighted`, in nats; `elbo_error`, the Monte Carlo error of the
        first; `importance_weighted_half`, the bound from the first half of the samples; `effective_sample_size`;
        and `pareto_k`. What is not defined for one sample, or for few, is NaN.

    Raises:
        UserError: the split is empty, or a batch does not fit into memory.
    """
    if not len(split):
        raise UserError("Expected at least one example to evaluate; got none.")
    weigher = Weigher(vae, samples, len(split), batch_size)
    rows = weigher.parts.rows
    noise = fold_in(seed, Stream.EVALUATION)
    blocks = (
        (batch, fold_in(noise, Stream.LATENT, number), count)
        for number, (batch, count) in enumerate(padded_batches(split, ROWS, noise))
    )
    found, done = [], 0
    while group := list(islice(blocks, weigher.batches)):
        sums = []
        for first in range(0, group[0][2], rows):
            wanted = [max(0, min(rows, count - first)) for _, _, count in group]  # the last has fewer examples
            running = [Running(number, samples) for number in wanted]
            for weights in weigher.weights([(batch, key) for batch, key, _ in group], first):
                for one, number, log_w in zip(running, wanted, weights, strict=True):
                    if number:
                        one.add(log_w[:, :number])
                if progress is not None:
                    progress(done + sum(wanted) * running[0].count / samples, len(split))
            done += sum(wanted)
            sums.append(running)
        found += [one.found() for of_a_batch in zip(*sums, strict=True) for one in of_a_batch if one.count]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}

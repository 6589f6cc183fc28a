"""Comparing samples with a density: whether they describe the same distribution, with a proven error rate.

For any proposal q and any function f, with r = q / (p + q),

    E_p[f r] = ∫ f p q / (p + q) = E_q[f (1 - r)]

(Meng and Wong, Simulating ratios of normalizing constants via a simple identity, 1996). Both sides are averages of
numbers between -1 and 1 if f is: the left over samples, the right from the density at points of the proposal. They
differ for some f exactly if the samples come from something else than p, if p does not integrate to 1 included.
Unlike with importance weights nothing is unbounded, however wrong the density or heavy its tails, so that a bound
for finite samples applies: the empirical Bernstein bound (Maurer and Pontil, Empirical Bernstein bounds and sample
variance penalization, 2009). What the proposal is decides how much is seen, never whether an alarm is false.
"""

from __future__ import annotations

from math import log, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from probvae.testing.floats import Floats

FUNCTIONS = 40
"""How many bounded functions are tried, the constant one among them."""


class Disagreement(NamedTuple):
    """The test function by which samples and density differ most.

    Args:
        function: what it is, in words.
        excess: how many times the difference exceeds what chance explains; above 1 is an alarm.
        sampled: its mean under the samples, weighted by r.
        expected: what the density says it is.
    """

    function: str
    excess: float
    sampled: float
    expected: float


def disagreement(
    samples: Floats,
    log_ratio_samples: Floats,
    proposed: Floats,
    log_ratio_proposed: Floats,
    pilot: Floats,
    alpha: float,
    rng: np.random.Generator,
) -> Disagreement:
    """The largest disagreement between samples [N, D] and a density, over random bounded functions.

    Args:
        samples: [N, D].
        log_ratio_samples: log p - log q at the samples, [N].
        proposed: points of the proposal q, [N, D].
        log_ratio_proposed: log p - log q there, [N].
        pilot: other samples [M, D], by which the functions are scaled.
        alpha: the probability of an alarm (excess > 1) if the samples are from p.
        rng: what the functions are drawn with.
    """
    r = _sigmoid(-log_ratio_samples)  # q / (p + q), at the samples
    rest = _sigmoid(log_ratio_proposed)  # p / (p + q), at the proposal's points
    middle = np.median(pilot, axis=0)
    spread = np.maximum(np.subtract(*np.quantile(pilot, [0.8, 0.2], axis=0)), 1e-9)
    one, other = _angles(samples, middle, spread), _angles(proposed, middle, spread)
    chance = log(4 * FUNCTIONS / alpha)  # two sides of each
    count = min(len(samples), len(proposed))
    worst = Disagreement("", -1.0, 0.0, 0.0)
    for number in range(FUNCTIONS):
        name, direction, phase = _function(number, samples.shape[1], rng)
        left = r * (_cosines(one @ direction + phase) if number else 1.0)
        right = rest * (_cosines(other @ direction + phase) if number else 1.0)
        difference = left[:count] - right[:count]  # independent, each in [-2, 2]
        bound = sqrt(2 * difference.var(ddof=1) * chance / count) + 28 * chance / (3 * (count - 1))
        excess = abs(difference.mean()) / bound
        if not excess <= worst.excess:  # NaN is worse than anything
            worst = Disagreement(name, excess, float(left.mean()), float(right.mean()))
    return worst


def _function(number: int, dimensions: int, rng: np.random.Generator) -> tuple[str, Floats, float]:
    """The frequencies [D] and the phase of a cosine: of one element, of two, or of all."""
    direction = np.zeros(dimensions)
    if number == 0:
        return "the constant 1", direction, 0.0
    size = (1, 2, dimensions)[number % 3]
    if size == 1:
        chosen = np.array([number // 3 % dimensions])
    else:
        chosen = rng.choice(dimensions, size=min(size, dimensions), replace=False)
    direction[chosen] = rng.normal(size=len(chosen)) * rng.choice([1.0, 2.5]) / sqrt(len(chosen))
    elements = ", ".join(map(str, sorted(chosen)))
    return f"a cosine of element{'s' * (len(chosen) > 1)} {elements}", direction, float(rng.uniform(0, 2 * np.pi))


def _angles(points: Floats, middle: Floats, spread: Floats) -> Floats:
    """Points in units of the samples' spread; what lies far out is bent in, which keeps a cosine a function."""
    return np.asarray(np.arcsinh((points - middle) / spread) * 2)


def _cosines(angles: Floats) -> npt.NDArray[np.float32]:
    """In single precision, nine times as quick; any bounded function of a point will do."""
    return np.cos(angles.astype(np.float32))


def _sigmoid(x: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # a NaN stays one, and is an alarm
        return np.asarray(np.exp(-np.logaddexp(0, -x)))

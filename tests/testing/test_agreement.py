"""Samples against densities: what is wrong is seen, what is right is left alone."""

import math

import numpy as np
import pytest

from probvae.core import REAL
from probvae.testing.agreement import disagreement
from probvae.testing.floats import logsumexp
from probvae.testing.spaces import space_of

COUNT = 60_000
DIMENSIONS = [1, 2, 4]


def normal(x, loc=0.0, scale=1.0):
    return (-0.5 * ((x - loc) / scale) ** 2 - np.log(scale) - 0.5 * math.log(2 * math.pi)).sum(-1)


class Mixture:
    """Two overlapping normals in D dimensions, of different scales in different dimensions."""

    def __init__(self, D, weights=(0.35, 0.65)):
        self.weights = np.array(weights)
        self.loc = np.stack([np.linspace(-1, 0.5, D), np.linspace(0.8, -0.4, D)])
        self.scale = np.stack([np.linspace(0.6, 1.3, D), np.linspace(1.1, 0.5, D)])

    def log_prob(self, x):
        parts = [normal(x, m, s) for m, s in zip(self.loc, self.scale, strict=True)]
        return logsumexp(np.stack(parts, -1) + np.log(self.weights))

    def sample(self, count, rng, weights=None, factor=1.0):
        chosen = rng.choice(2, size=count, p=self.weights if weights is None else weights)
        return self.loc[chosen] + factor * self.scale[chosen] * rng.normal(size=(count, self.loc.shape[1]))


def excess(sample, log_prob, D, seed=0, alpha=1e-9):
    rng = np.random.default_rng(seed)
    space, pilot = space_of(REAL, (D,)), sample(2000, rng)
    samples, proposed = sample(COUNT, rng), space.propose(COUNT, pilot, rng)
    ratios = [log_prob(points) - space.log_density(points, pilot) for points in (samples, proposed)]
    return disagreement(samples, ratios[0], proposed, ratios[1], pilot, alpha, rng).excess


WRONG = {
    "weights ignored": lambda p, D: (lambda n, rng: p.sample(n, rng, weights=[0.5, 0.5]), p.log_prob),
    "normalisation off by 5 %": lambda p, D: (p.sample, lambda x: p.log_prob(x) + math.log(1.05)),
    "normalisation off by -5 %": lambda p, D: (p.sample, lambda x: p.log_prob(x) + math.log(0.95)),
    "scale off by 10 %": lambda p, D: (lambda n, rng: p.sample(n, rng, factor=1.1), p.log_prob),
    "scale off by -10 %": lambda p, D: (lambda n, rng: p.sample(n, rng, factor=0.9), p.log_prob),
}


@pytest.mark.parametrize("D", DIMENSIONS)
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_seen(name, D):
    p = Mixture(D)
    assert min(excess(*WRONG[name](p, D), D, seed) for seed in range(3)) > 1


@pytest.mark.parametrize("D", [2, 4])
def test_a_swapped_dimension_is_seen(D):
    p = Mixture(D)
    order = [1, 0, *range(2, D)]
    assert min(excess(lambda n, rng: p.sample(n, rng)[:, order], p.log_prob, D, seed) for seed in range(3)) > 1


@pytest.mark.parametrize("D", DIMENSIONS)
def test_what_is_right_is_left_alone(D):
    p = Mixture(D)
    assert max(excess(p.sample, p.log_prob, D, seed) for seed in range(10)) < 1


def cauchy(n, rng):
    return rng.standard_cauchy((n, 2))


def test_heavy_tails_raise_no_alarm():
    def log_prob(x):
        return -(np.log(math.pi) + np.log1p(x**2)).sum(-1)

    assert max(excess(cauchy, log_prob, 2, seed) for seed in range(10)) < 1


@pytest.mark.slow
def test_the_error_rate_is_at_most_what_is_stated():
    """At alpha = 0.2, 300 comparisons of what is right: no more alarms than chance allows."""
    p = Mixture(2)
    alarms = sum(excess(p.sample, p.log_prob, 2, seed, alpha=0.2) > 1 for seed in range(300))
    assert alarms <= 80


def test_a_density_that_is_not_a_number_is_seen():
    p = Mixture(1)
    assert not excess(p.sample, lambda x: np.where(x[:, 0] > 1, np.nan, p.log_prob(x)), 1) <= 1


def test_a_sample_without_density_is_seen():
    p = Mixture(1)
    assert not excess(p.sample, lambda x: np.where(x[:, 0] > 0.5, -np.inf, p.log_prob(x)), 1) <= 1

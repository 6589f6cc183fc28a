"""Dependent values are distinguished from independent ones, whatever their distribution."""

import numpy as np
import pytest

from probvae.testing.dependence import dependence

N = 10_000

INDEPENDENT = {
    "normal": lambda rng: rng.normal(size=(N, 2)),
    "cauchy": lambda rng: rng.standard_cauchy(size=(N, 2)),
    "constant": lambda rng: np.ones((N, 2)),
    "bits": lambda rng: 1.0 * (rng.random((N, 2)) < 0.5),
    "rare": lambda rng: 1.0 * (rng.random((N, 2)) < 3e-4),
    "counts": lambda rng: 1.0 * rng.poisson(0.01, size=(N, 2)),
}


@pytest.mark.parametrize("name", INDEPENDENT)
def test_independent_draws_raise_no_alarm(name):
    rng = np.random.default_rng(0)
    worst = max(dependence(INDEPENDENT[name](rng), INDEPENDENT[name](rng), 1e-3).excess for _ in range(100))
    assert worst < 1


def test_a_shared_tenth_of_the_variance_is_seen_and_where_it_is():
    rng = np.random.default_rng(1)
    shared = np.sqrt(0.1) * rng.normal(size=N)
    one, other = (rng.normal(size=(N, 3)) for _ in range(2))
    one[:, 2] = np.sqrt(0.9) * one[:, 2] + shared
    other[:, 2] = np.sqrt(0.9) * other[:, 2] + shared
    found = dependence(one, other, 1e-9)
    assert found.excess > 1
    assert found.element == 2


def test_a_shared_scale_is_seen():
    rng = np.random.default_rng(2)
    scale = rng.choice([0.3, 3.0], size=(N, 1))
    assert dependence(scale * rng.normal(size=(N, 1)), scale * rng.normal(size=(N, 1)), 1e-9).excess > 1

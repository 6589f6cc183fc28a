"""The kit's own measures: every proposal is a density, and every from_cube covers its space."""

import math

import numpy as np
import pytest

from probvae.core import BINARY, COUNTS, ONE_HOT, REAL, SIMPLEX, SPHERE, UNIT, LogSimplex, Values
from probvae.testing.quadrature import integral
from probvae.testing.spaces import Lattice, space_of

SUPPORTS = {
    "real 1": (REAL, 1),
    "real 2": (REAL, 2),
    "positive 1": (Values(0, math.inf), 1),
    "positive 2": (Values(0, math.inf), 2),
    "below 3": (Values(high=3), 1),
    "unit 2": (UNIT, 2),
    "interval": (Values(-2, 5), 1),
    "open unit": (Values(0, 1, open=True), 2),
    "above 0": (Values(0, open=True), 1),
    "one-hot": (ONE_HOT, 3),
    "circle": (SPHERE, 2),
    "sphere": (SPHERE, 3),
    "simplex 2": (SIMPLEX, 2),
    "simplex 3": (SIMPLEX, 3),
    "two categories": (LogSimplex.of(2), 2),
    "three categories": (LogSimplex.of(3), 3),
    "two groups of two categories": (LogSimplex.of(2), 4),
    "binary": (BINARY, 3),
    "digits": (Values(0, 9, integer=True), 2),
    "counts": (COUNTS, 1),
    "fifths": (Values.levels(6, divide_by=5), 2),
}


def samples_of(support, dimensions, count=2000):
    rng = np.random.default_rng(0)
    if support == SPHERE:
        raw = rng.normal(size=(count, dimensions)) + np.eye(dimensions)[0]
        return raw / np.linalg.norm(raw, axis=-1, keepdims=True)
    if support == SIMPLEX:
        return rng.dirichlet(np.arange(1, dimensions + 1), size=count)
    if isinstance(support, LogSimplex):
        groups = dimensions // support.categories
        return np.log(rng.dirichlet(np.arange(1, support.categories + 1), (count, groups))).reshape(count, -1)
    if support.one_hot:
        return np.eye(dimensions)[rng.choice(dimensions, size=count)]
    if support.integer:
        integers = rng.poisson(2.0, size=(count, dimensions))
        return np.clip(integers / support.steps, support.low, support.high)
    raw = rng.normal(size=(count, dimensions))
    if support.low == -math.inf:
        return raw if support.high == math.inf else support.high - np.exp(raw)
    if support.high == math.inf:
        return support.low + np.exp(raw)
    return support.low + (support.high - support.low) / (1 + np.exp(-raw))


every_space = pytest.mark.parametrize(("support", "dimensions"), SUPPORTS.values(), ids=SUPPORTS)


def integrated(space, samples, f):
    if isinstance(space, Lattice):
        points = space.everything(samples)
        return float(f(points).sum())

    def on_the_cube(cube):
        points, volume = space.from_cube(cube, samples)
        return f(points) * volume

    total, error = integral(on_the_cube, space.to_cube(samples, samples))
    assert error < 1e-3
    return total


@every_space
def test_a_proposal_is_a_density(support, dimensions):
    space, samples = space_of(support, (dimensions,)), samples_of(support, dimensions)
    total = integrated(space, samples, lambda points: np.exp(space.log_density(points, samples)))
    assert total == pytest.approx(1, abs=3e-3)


@every_space
def test_proposed_points_are_from_the_proposals_density(support, dimensions):
    """Means of functions over proposed points against their integrals: |z| < 6."""
    space, samples = space_of(support, (dimensions,)), samples_of(support, dimensions)
    proposed = space.propose(40_000, samples, np.random.default_rng(1))
    assert np.all(space.contains(proposed))
    functions = (
        lambda x: np.exp(-(x.sum(-1) ** 2)),
        lambda x: np.tanh(x[:, 0]),
        lambda x: np.tanh(3 * x[:, -1]) ** 2,
    )
    for function in functions:
        expected = integrated(
            space, samples, lambda points, f=function: f(points) * np.exp(space.log_density(points, samples))
        )
        found = function(proposed)
        assert abs(found.mean() - expected) < 6 * found.std() / 200 + 2e-3


@every_space
def test_a_space_contains_its_samples_and_nothing_outside(support, dimensions):
    space, samples = space_of(support, (dimensions,)), samples_of(support, dimensions)
    assert np.all(space.contains(samples))
    if support != REAL:
        assert not np.any(
            space.contains(41.5 - samples[:50] if support == Values(high=3) else -9.5 - samples[:50])
        )


@pytest.mark.parametrize(
    ("support", "dimensions", "volume"),
    [
        (SPHERE, 2, 2 * math.pi),
        (SPHERE, 3, 4 * math.pi),
        (SIMPLEX, 2, 1.0),
        (SIMPLEX, 3, 0.5),
        (UNIT, 2, 1.0),
        (Values(-2, 5), 1, 7.0),
    ],
)
def test_a_chart_has_the_volume_of_its_space(support, dimensions, volume):
    space, samples = space_of(support, (dimensions,)), samples_of(support, dimensions)
    assert integrated(space, samples, lambda points: np.ones(len(points))) == pytest.approx(volume, rel=2e-3)


def test_a_support_names_its_ends_unless_it_is_open():
    samples = np.full((10, 2), 0.5)
    closed = space_of(UNIT, (2,)).extremes(samples)
    opened = space_of(Values(0, 1, open=True), (2,)).extremes(samples)
    assert (closed.min(), closed.max()) == (0, 1)
    assert (opened.min(), opened.max()) == (1 / 16, 15 / 16)
    assert space_of(COUNTS, (1,)).extremes(samples[:, :1]).min() == 0
    assert np.array_equal(space_of(ONE_HOT, (2, 2)).extremes(samples), [[1, 0, 1, 0], [0, 1, 0, 1]])


def test_proposed_points_are_off_an_open_end_in_single_precision_too():
    samples = np.exp(np.random.default_rng(0).normal(size=(100, 1)) * 60)
    proposed = space_of(Values(0, open=True), (1,)).propose(5000, samples, np.random.default_rng(1))
    assert proposed.astype(np.float32).min() > 0


@pytest.mark.parametrize("largest", [3.0, 1e6, 1e30])
def test_counts_may_be_as_far_apart_as_numbers_are(largest):
    space, samples = space_of(COUNTS, (1,)), np.array([[0.0], [1.0], [2.0], [largest]])
    proposed = space.propose(2000, samples, np.random.default_rng(0))
    assert np.all(space.contains(proposed))
    assert np.all(np.isfinite(space.log_density(proposed, samples)))


def test_quadrature_finds_a_narrow_ridge_by_its_hints():
    def ridge(points):
        return np.exp(-0.5 * ((points[:, 0] - 0.37 - 0.2 * points[:, 1]) / 1e-3) ** 2) / (
            1e-3 * math.sqrt(2 * math.pi)
        )

    y = np.random.default_rng(0).random(2000)
    total, error = integral(ridge, np.stack([0.37 + 0.2 * y, y], -1))
    assert total == pytest.approx(1, abs=max(2e-3, 3 * error))


def test_quadrature_owns_up_to_what_it_cannot_resolve():
    hints = np.full((100, 1), 0.123456789)
    total, error = integral(lambda points: np.ones(len(points)), hints)
    assert math.isnan(total)
    assert error == math.inf

"""Pareto k̂ against ArviZ, and against weights whose tail is known."""

import numpy as np
import pytest

from probvae.evaluation.pareto import pareto_k, tail_size

SIZES = (25, 100, 1000, 5000)
# array_stats.psislw(-log_w)[1] of arviz-stats 0.8.0
NORMAL = {
    0.1: (0.015096, -0.3312, 0.029756, -0.15947),
    0.5: (0.05141, -0.243425, 0.179604, -0.046293),
    1.0: (0.096187, -0.137147, 0.372636, 0.100194),
    2.0: (0.184148, 0.067805, 0.769474, 0.407875),
    5.0: (0.443878, 0.684459, 1.955553, 1.387619),
    30.0: (2.326488, 5.04868, 9.595081, 8.355624),
}
EXPONENTIAL = {1: (0.73402, 0.729161, 1.005671, 1.104764), 3: (0.471834, 0.374744, 0.458182, 0.409657)}


def largest(log_w):
    """The M + 1 largest log-weights of one example, in an order of their own: [M + 1, 1]."""
    kept = np.sort(log_w)[-tail_size(len(log_w)) - 1 :]
    return np.random.default_rng(1).permutation(kept)[:, None]


@pytest.mark.parametrize("size", SIZES)
def test_the_fit_is_that_of_arviz(size):
    column = SIZES.index(size)
    for scale, expected in NORMAL.items():
        log_w = scale * np.random.default_rng(0).normal(size=size)
        assert pareto_k(largest(log_w))[0] == pytest.approx(expected[column], abs=1e-6)
    for rate, expected in EXPONENTIAL.items():
        log_w = np.random.default_rng(0).exponential(1 / rate, size=size)
        assert pareto_k(largest(log_w))[0] == pytest.approx(expected[column], abs=1e-6)


@pytest.mark.parametrize("k", [0.3, 0.7, 1.0])
def test_the_shape_of_pareto_weights_is_found(k):
    """w = u^-k has P(w > t) = t^(-1/k)."""
    log_w = -k * np.log(np.random.default_rng(0).uniform(size=(200_000, 3)))
    found = pareto_k(np.sort(log_w, axis=0)[-tail_size(200_000) - 1 :] - 1e4)
    np.testing.assert_allclose(found, k, atol=0.1)


def test_each_example_is_fitted_by_itself():
    log_w = np.random.default_rng(0).normal(size=(101, 4)) * [0.1, 1, 10, 3]
    apart = [pareto_k(log_w[:, [column]])[0] for column in range(4)]
    np.testing.assert_allclose(pareto_k(log_w), apart, rtol=1e-12)


def test_weights_without_a_tail():
    assert np.isnan(pareto_k(np.zeros((5, 2)))).all()  # too few
    assert pareto_k(np.full((6, 1), -1e4))[0] == -np.inf
    assert pareto_k(np.array([[-2000.0] * 5 + [0.0]]).T)[0] == np.inf
    assert pareto_k(np.array([[-np.inf] * 5 + [0.0]]).T)[0] == np.inf
    assert pareto_k(np.full((6, 1), -np.inf))[0] == -np.inf


def test_ties_at_the_start_of_the_tail_are_no_heavy_tail():
    """Bounded weights have all moments; those of float32, or of a few values, are equal for many samples."""
    assert pareto_k(largest(np.log(np.repeat([1.0, 2.0], [90, 10]))))[0] < 0.5
    rounded = np.random.default_rng(0).normal(-90, 1e-6, 1000).astype(np.float32)  # of an exact posterior
    assert len(np.unique(rounded)) < 5
    assert pareto_k(largest(rounded))[0] < 0.5

"""Measurements: means and shares with their standard errors."""

import math

import numpy as np
import pytest

from probvae.core import Measurement


def test_the_mean_over_examples_has_the_error_of_a_mean():
    found = Measurement.mean(np.array([1.0, 2.0, 4.0, 5.0]), "nats per example", "a note")
    assert found == Measurement(3.0, "nats per example", pytest.approx(math.sqrt(10 / 3 / 4)), "a note")


def test_parts_have_means_and_errors_of_their_own():
    values = np.random.default_rng(0).normal([0, 5], [1, 3], (1000, 2))
    found = Measurement.mean(values, "nats")
    assert found.value == pytest.approx(values.mean(0))
    assert found.standard_error == pytest.approx(np.array([1, 3]) / math.sqrt(1000), rel=0.1)
    assert isinstance(found.value, tuple)


def test_a_mean_keeps_what_single_precision_loses():
    values = np.float32(2**20) + np.arange(300, dtype=np.float32) % 2
    found = Measurement.mean(np.tile(values, 40), "nats")
    assert found.value == 2**20 + 0.5
    assert found.standard_error == pytest.approx(0.5 / math.sqrt(12_000), rel=1e-3)


def test_a_single_example_has_a_mean_and_no_error():
    assert Measurement.mean(np.array([7.0]), "nats") == Measurement(7.0, "nats", None)
    assert Measurement.share(np.array([True])) == Measurement(1.0, "share of the examples", None)


def test_a_share_has_its_binomial_error():
    found = Measurement.share(np.arange(10) < 3)
    assert found == Measurement(0.3, "share of the examples", pytest.approx(math.sqrt(0.3 * 0.7 / 10)))

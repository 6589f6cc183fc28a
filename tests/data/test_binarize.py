import hashlib

import numpy as np
import pytest

from probvae.core import Split
from probvae.data import FashionMini
from probvae.data.feeding.binarize import binarize_splits, fixed_order
from probvae.errors import ConfigError

RAMP = np.tile(np.arange(256, dtype=np.uint8), (5_000, 1))


def split(count=5_000):
    return Split(RAMP[:count], np.arange(count), divide_by=255.0)


def test_the_fixed_order_is_a_permutation_and_stays_what_it_is():
    assert sorted(fixed_order(1_000)) == list(range(1_000))
    assert fixed_order(10).tolist() == [3, 2, 1, 8, 6, 0, 7, 4, 5, 9]


def test_nothing_changes_without_binarisation():
    parts = split(), split(), split()
    assert binarize_splits(*parts, "none") == parts


def test_dynamic_leaves_the_training_intensities_for_later():
    train, validation, test = binarize_splits(split(), split(), split(), "dynamic")
    assert train.binarize_on_read
    assert np.array_equal(train.stored, RAMP)
    for part in (validation, test):
        assert not part.binarize_on_read
        assert part.stored.dtype == np.uint8
        assert set(np.unique(part.stored)) == {0, 1}


def test_static_and_dynamic_share_validation_and_test():
    for fixed, alike in zip(
        binarize_splits(split(), split(), split(), "static")[1:],
        binarize_splits(split(), split(), split(), "dynamic")[1:],
        strict=True,
    ):
        np.testing.assert_array_equal(fixed.stored, alike.stored)


def test_a_pixel_is_on_as_often_as_its_intensity_says():
    (train, _, _) = binarize_splits(split(), split(1), split(1), "static")
    p = np.arange(256) / 255
    error = np.sqrt(p * (1 - p) / len(train))
    assert np.all(np.abs(train.stored.mean(0) - p) <= 6 * error)


def test_the_parts_have_random_numbers_of_their_own():
    parts = [part.stored for part in binarize_splits(split(), split(), split(), "static")]
    assert not np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[1], parts[2])


def test_the_fixed_binarisation_stays_what_it_is():
    parts = binarize_splits(split(), split(), split(), "static")
    found = [hashlib.sha256(part.stored.tobytes()).hexdigest()[:8] for part in parts]
    assert found == ["4aa03912", "d6cd15d2", "25ecbaa7"]


def test_an_unknown_kind_of_binarisation_is_refused():
    with pytest.raises(
        ConfigError, match="binarize to be one of 'dynamic', 'static', 'none'; got 'dynamc'"
    ) as caught:
        FashionMini("dynamc")
    assert caught.value.parameter == "binarize"

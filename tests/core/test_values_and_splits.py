"""What values data takes, and how stored examples become what a model sees."""

import numpy as np
import pytest
import tensorflow as tf

from probvae.core import BINARY, COUNTS, ONE_HOT, REAL, UNIT, Dataset, Split, Values
from probvae.core.examples import asserted
from probvae.errors import ShapeError

OPEN, ABOVE = Values(0, 1, open=True), Values(0, open=True)
NAMED = {
    "binary": BINARY,
    "unit": UNIT,
    "counts": COUNTS,
    "real": REAL,
    "one-hot": ONE_HOT,
    "open": OPEN,
    "above": ABOVE,
}


@pytest.mark.parametrize(
    ("inner", "outers"),
    [
        ("binary", {"binary", "unit", "counts", "real"}),
        ("unit", {"unit", "real"}),
        ("counts", {"counts", "real"}),
        ("real", {"real"}),
        ("one-hot", {"one-hot", "binary", "unit", "counts", "real"}),
        ("open", {"open", "unit", "above", "real"}),
        ("above", {"above", "real"}),
    ],
)
def test_values_are_ordered_by_inclusion(inner, outers):
    assert {name for name, outer in NAMED.items() if NAMED[inner] in outer} == outers


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([0, 255], np.uint8), Values(0, 255, True)),
        (np.array([False, True]), BINARY),
        (np.array([0.0, 1.0]), BINARY),
        (np.array([0.0, 0.25]), Values(0, 0.25)),
        (np.array([-1.5, 3.0]), Values(-1.5, 3)),
        (np.eye(3, dtype=np.uint8)[[0, 2, 2]], ONE_HOT),
        (np.array([[[1, 0], [0, 1]], [[0, 1], [0, 1]]]), ONE_HOT),
        (np.array([[1, 0], [1, 1]]), BINARY),
    ],
    ids=str,
)
def test_the_values_of_an_array(array, expected):
    assert Values.of(array) == expected


BYTES = Values.levels(256, divide_by=255)


def test_multiples_of_a_step_are_values_of_their_own():
    assert Values(0, 1, integer=True, steps=255) == BYTES
    assert str(BYTES) == "multiples of 1/255 from 0 to 1"
    assert BINARY in BYTES
    assert BYTES in UNIT
    assert UNIT not in BYTES
    assert Values.levels(6, divide_by=5) in BYTES  # fifths
    assert Values.levels(8, divide_by=7) not in BYTES
    assert Values.levels(256, divide_by=25.5) == Values(0, 10)
    assert [values.discrete for values in (BYTES, COUNTS, ONE_HOT, UNIT)] == [True, True, True, False]


def test_multiples_of_a_step_are_seen_where_they_are_looked_for():
    x = np.arange(256, dtype=np.float32) / 255
    assert Values.of(x, steps=255) == BYTES
    assert Values.of(x) == UNIT
    assert Values.of(x[:-1] + 1e-4, steps=255).integer is False
    assert Values.of(np.array([0.0, 1.0]), steps=255) == BINARY
    assert Values.of_all([BINARY, BYTES]) == BYTES


def test_nan_is_in_no_support():
    assert Values.of(np.array([0.0, np.nan])) not in REAL


def test_the_values_of_several_arrays_are_those_of_all():
    assert Values.of_all([ONE_HOT, ONE_HOT]) == ONE_HOT
    assert Values.of_all([ONE_HOT, BINARY]) == BINARY
    assert Values.of_all([BINARY, Values(0.5, 3)]) == Values(0, 3)


def test_values_read_as_a_sentence():
    every = (BINARY, UNIT, COUNTS, REAL, Values(integer=True), ONE_HOT, OPEN, ABOVE)
    assert [str(values) for values in every] == [
        "0 and 1 only",
        "numbers from 0 to 1",
        "integers from 0 up",
        "all numbers",
        "all integers",
        "one-hot vectors",
        "numbers from 0 to 1, the ends excluded",
        "numbers above 0",
    ]


STORED = np.arange(256, dtype=np.uint8).reshape(64, 4)
SEED = tf.constant([1, 2])


def test_preparing_divides():
    x = Split(STORED, divide_by=255).prepare(STORED[:3], SEED)
    assert x.dtype == tf.float32
    np.testing.assert_allclose(x, STORED[:3] / 255, rtol=1e-6)
    np.testing.assert_array_equal(Split(STORED).prepare(STORED, SEED), STORED)


def test_intensities_are_what_is_prepared_without_noise():
    split = Split(STORED, divide_by=255, binarize_on_read=True)
    static = Split(STORED, divide_by=255)
    np.testing.assert_array_equal(split.intensities(5), static.prepare(STORED[:5], SEED))
    assert split.intensities().shape == (64, 4)
    assert len(split) == 64


def test_binarisation_has_the_intensity_as_its_probability():
    levels = np.array([0, 51, 128, 254, 255], np.uint8)
    count = 40_000
    split = Split(levels[None], divide_by=255, binarize_on_read=True)
    x = split.prepare(np.broadcast_to(levels, (count, 5)), SEED).numpy()
    assert set(np.unique(x)) == {0.0, 1.0}
    p = levels / 255
    assert x[:, 0].max() == 0
    assert x[:, 4].min() == 1
    standard_error = np.sqrt(p * (1 - p) / count) + 1e-12
    assert np.all(np.abs(x.mean(0) - p) < 5 * standard_error)


def test_binarisation_is_a_function_of_the_seed():
    split = Split(STORED, divide_by=255, binarize_on_read=True)
    first, again, other = (split.prepare(STORED, tf.constant(seed)).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_a_dataset_is_printed_in_one_line_whatever_its_parameters():
    class InMemory(Dataset):
        def __init__(self, array, scale: float = 1.0, name: str = "", other: int = 3):
            self.array, self.scale, self.name = array, scale, name

        def info(self): ...

        def load(self): ...

    made = repr(InMemory(np.zeros((100, 100)), scale=2.0))
    assert made.startswith("InMemory(array=array([[0.")
    assert made.endswith("], scale=2.0)")
    assert len(made) < 120
    assert "\n" not in made


@pytest.mark.parametrize(
    "ids", [np.arange(len(STORED) + 1), np.zeros((len(STORED), 1), int), np.zeros(len(STORED))]
)
def test_ids_are_one_integer_or_text_for_each_example(ids):
    with pytest.raises(ShapeError, match=rf"ids: expected integers or text \[{len(STORED)}\], as there are "):
        Split(STORED, ids=ids)
    assert Split(STORED, ids=np.array(["a"] * len(STORED))).ids is not None


@pytest.mark.parametrize("by", [2, 3, 5, 7, 10, 255, 1000, 50_000, 65_535])
def test_levels_that_single_precision_rounds_are_levels(by):
    """Whichever is the largest of them: where it is rounded up, it is above the end in double precision."""
    for count in {2, by // 2 + 1, by, by + 1}:
        x = np.arange(count, dtype=np.float32)[:, None] / np.float32(by)
        support = Values.levels(count, by)
        assert Values.of(x, by) in support
        assert asserted(tf.constant(x), support).shape == x.shape
    beyond = np.array([[1.0], [1.0 + 1 / by]], np.float32)
    assert Values.of(beyond, by) not in Values.levels(by + 1, by)
    between = np.array([[0.0], [0.5 / by]], np.float32)
    assert Values.of(between, by) not in Values.levels(by + 1, by)

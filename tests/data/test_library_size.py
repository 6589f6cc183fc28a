"""The total of an example's counts as a condition: with labels, with columns, and where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from probvae.core import COUNTS, REAL, Condition, ConditionColumn, Data, DataInfo, Split
from probvae.data import DataSettings
from probvae.errors import ConfigError, UserError

COUNTED = np.array([[3, 0, 7], [1, 0, 0], [20, 30, 50]])
LOG_TOTALS = np.log([[10.0], [1.0], [100.0]])
SIZED = DataSettings(library_size=True)
AGE = ConditionColumn("age", mean=40.0, scale=10.0)


def data(counts=COUNTED, values=COUNTS, **split):
    given = Split(np.asarray(counts), **split)
    return Data(DataInfo((3,), values, (len(given),) * 3, "made up", "here"), given, given, given)


def given_columns(conditions, columns):
    plain = data()
    split = replace(plain.train, condition=conditions)
    return Data(replace(plain.info, condition=columns), split, split, split)


def test_the_condition_is_the_logarithm_of_the_total():
    found = SIZED.data(data())
    np.testing.assert_allclose(found.train.condition, LOG_TOTALS, rtol=1e-6)
    assert found.train.condition.dtype == np.float32
    assert found.info.condition == SIZED.info(data().info).condition
    assert (found.info.condition.names, found.info.condition.library_column) == (("library_size",), 0)


def test_it_is_given_and_told_in_counts():
    condition = SIZED.data(data()).info.condition
    np.testing.assert_allclose(condition.read("library_size=100"), [np.log(100)], rtol=1e-6)
    np.testing.assert_allclose(condition.in_units(LOG_TOTALS)["library_size"], [10, 1, 100])
    for wrong in ("0", "-3", "many"):
        with pytest.raises(UserError, match=f"expected a number above 0 as 'library_size'; got '{wrong}'"):
            condition.read(wrong)


def test_it_comes_after_the_columns_of_the_condition():
    columns, ages = Condition.of((AGE,)), np.array([[0.5], [0.0], [-1.0]], np.float32)
    found = SIZED.data(given_columns(ages, columns))
    np.testing.assert_allclose(found.test.condition, np.concatenate([ages, LOG_TOTALS], axis=1), rtol=1e-6)
    assert found.info.condition.library_column == 1
    np.testing.assert_allclose(found.info.condition.read("library_size=10, age=45"), [0.5, np.log(10)], rtol=1e-6)


def test_it_comes_after_the_class_also_in_other_data():
    settings = DataSettings("labels", library_size=True)
    found = settings.data(data(labels=np.array([7, 3, 7])))
    classes = np.array([[0, 1], [1, 0], [0, 1]])
    np.testing.assert_allclose(found.train.condition, np.concatenate([classes, LOG_TOTALS], axis=1), rtol=1e-6)
    condition = found.info.condition
    assert condition.names == ("label=3", "label=7", "library_size")
    np.testing.assert_allclose(condition.read("label=7,library_size=10"), [0, 1, np.log(10)], rtol=1e-6)
    other = settings.data(data(labels=np.array([7, 7, 7])), condition)
    np.testing.assert_allclose(other.train.condition[:, :2], [[0, 1]] * 3)
    assert other.info.condition == condition


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            lambda: data([[1, 2, 0], [0, 0, 0], [0, 0, 0]], ids=np.array(["a", "b", "c"])),
            r"a total above 0 in every example.*; got 0 in 2 of 3 examples of train, first in example 1 \('b'\)",
        ),
        (lambda: data(values=REAL), "data.library_size: expected counts, as library_size = true; got all numbers"),
        (lambda: data(observed=COUNTED > 1), "expected counts without missing values, .*; got some in train"),
        (
            lambda: given_columns(np.zeros((3, 1), np.float32), Condition(("library_size",))),
            "expected a condition without a column 'library_size', which library_size = true adds",
        ),
    ],
    ids=["empty", "numbers", "missing", "twice"],
)
def test_what_has_no_library_size_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        SIZED.data(given())


def test_it_needs_the_label_of_every_example():
    with pytest.raises(
        ConfigError, match=r"expected a label for every example, .*; got some without one in train"
    ):
        DataSettings("labels", library_size=True).data(data(labels=np.array([7, -1, 3])))

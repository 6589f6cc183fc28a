"""What a spec says of any dataset: the condition that is made of labels."""

from dataclasses import replace

import numpy as np
import pytest

from probvae.core import BINARY, REAL, Condition, Data, DataInfo, Split
from probvae.data import DataSettings, FashionMini
from probvae.errors import ConfigError

LABELS = DataSettings("labels")


def data(labels, classes=(), condition=None):
    """Data of one example of zeros for each label, the same in its three splits."""
    given = None if labels is None else np.asarray(labels)
    count = 3 if labels is None else len(labels)
    array = None if condition is None else np.zeros((count, condition.size), np.float32)
    split = Split(np.zeros((count, 2), np.float32), given, condition=array)
    info = DataInfo((2,), REAL, (count,) * 3, "made up", "here", classes=classes, condition=condition)
    return Data(info, split, split, split)


def test_labels_with_names_become_one_hot_vectors_of_all_classes():
    found = LABELS.data(data([2, 0, 2], ("a", "b", "c", "d")))
    assert found.info.condition == Condition(("a", "b", "c", "d"), one_hot=True)
    np.testing.assert_array_equal(found.test.condition, np.eye(4)[[2, 0, 2]])
    assert found.test.condition.dtype == np.float32


def test_labels_without_names_are_counted_and_named_by_themselves():
    given = data([7, 3, 7])
    assert LABELS.info(given.info) is None  # it takes the data
    found = LABELS.data(given)
    assert found.info.classes == found.info.condition.names == ("3", "7")
    np.testing.assert_array_equal(found.train.labels, [1, 0, 1])
    np.testing.assert_array_equal(found.train.condition, [[0, 1], [1, 0], [0, 1]])


def test_other_data_gets_the_classes_that_a_model_was_trained_on():
    digits = Condition(("3", "5", "7"), one_hot=True)
    np.testing.assert_array_equal(LABELS.data(data([7, 3]), digits).train.labels, [2, 0])  # by name
    animals = Condition(("cat", "cow", "dog"), one_hot=True)
    np.testing.assert_array_equal(LABELS.data(data([1, 0], ("cat", "dog")), animals).train.labels, [2, 0])
    np.testing.assert_array_equal(LABELS.data(data([1, 0]), animals).train.labels, [1, 0])  # by number
    for wrong in (data([0], ("owl",)), data([3])):
        with pytest.raises(
            ConfigError, match=r"data.condition: expected labels of the classes cat, cow, dog, as .*; g"
        ):
            LABELS.data(wrong, animals)


def test_no_labels_and_missing_labels_are_refused():
    with pytest.raises(ConfigError, match=r"data.condition: expected data with labels, as .*; got none in train"):
        LABELS.data(data(None))
    with pytest.raises(
        ConfigError, match=r"expected a label for every example, .*; got 1 of 3 missing \(-1\) in train"
    ):
        LABELS.data(data([0, -1, 1], ("a", "b")))


def test_a_condition_of_the_data_itself_is_kept_or_left_out():
    given = data([0, 1, 0], condition=Condition(("dose",)))
    assert DataSettings().data(given) is given
    assert DataSettings().info(given.info) is given.info
    bare = DataSettings("none").data(given)
    assert bare.info == DataSettings("none").info(given.info) == replace(given.info, condition=None)
    assert bare.train.condition is None
    assert LABELS.data(given).train.condition.shape == (3, 2)


def test_the_packaged_images_have_ten_classes_as_conditions():
    dataset = FashionMini()
    found = LABELS.data(dataset.load())
    assert found.info == LABELS.info(dataset.info())
    assert found.info.values == BINARY
    np.testing.assert_array_equal(found.validation.condition.sum(0), [100] * 10)
    assert found.train.binarize_on_read

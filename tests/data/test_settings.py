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


def test_labels_of_any_integers_may_be_missing_in_a_part():
    """NumPy makes fractions of uint64 and int64 together."""
    given = data(np.array([2, 0, 2], np.uint64))
    found = LABELS.data(replace(given, test=replace(given.test, labels=None)), Condition(("0", "2"), one_hot=True))
    np.testing.assert_array_equal(found.train.labels, [1, 0, 1])


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


def test_classes_that_are_numbers_have_no_other_numbers():
    """The label 0 is not the first of the classes 3, 5 and 7."""
    with pytest.raises(ConfigError, match=r"expected labels of the classes 3, 5, 7, as .*; got the label 0"):
        LABELS.data(data([0, 1]), Condition(("3", "5", "7"), one_hot=True))


def test_labels_that_are_missing_everywhere_are_refused():
    with pytest.raises(ConfigError, match=r"data.condition: expected data with labels, as .*; got none in train"):
        LABELS.data(data(None))
    with pytest.raises(ConfigError, match=r"data.condition: expected data with labels, .*; got only missing ones"):
        LABELS.data(data([-1, -1, -1]))


def test_examples_have_no_condition_where_labels_are_missing():
    found = LABELS.data(data([7, -1, 3]))
    assert found.info.condition == Condition(("3", "7"), one_hot=True)
    np.testing.assert_array_equal(found.train.labels, [1, -1, 0])
    assert found.train.condition is None
    found.check_conditions([])
    with pytest.raises(
        ConfigError, match=r"test: expected a label for every example, .*; got 1 of 3 missing \(-1\)\. Add"
    ):
        found.check_conditions(["test"])


def test_a_model_is_used_on_data_without_labels_of_its_classes():
    animals = Condition(("cat", "cow"), one_hot=True)
    found = LABELS.data(data(None), animals)
    np.testing.assert_array_equal(found.train.labels, [-1] * 3)
    assert found.info.classes == animals.names


def of_classes(*counts):
    return data(
        np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)), "abcdef"[: len(counts)]
    )


def test_a_number_of_labels_is_kept_evenly_over_the_classes():
    given = of_classes(30, 20, 10)
    found = {count: DataSettings("labels", count).data(given) for count in (6, 11, 30)}
    counts = {count: np.bincount(one.train.labels + 1).tolist() for count, one in found.items()}
    assert counts == {6: [54, 2, 2, 2], 11: [49, 4, 4, 3], 30: [30, 10, 10, 10]}
    for one in found.values():
        kept = one.train.labels != -1
        np.testing.assert_array_equal(one.train.labels[kept], given.train.labels[kept])
        assert one.train.condition is None
        np.testing.assert_array_equal(one.test.condition.argmax(1), given.test.labels)
    few, many = (found[count].train.labels != -1 for count in (6, 30))
    assert np.all(many[few])
    again, other = (DataSettings("labels", 6, seed).data(given).train.labels for seed in (0, 1))
    np.testing.assert_array_equal(again, found[6].train.labels)
    assert np.any(other != again)


def test_all_labels_may_be_kept():
    given = of_classes(2, 2)
    assert DataSettings("labels", 4).data(given).train.condition.shape == (4, 2)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (2, r"at least 3, a label of each class in the training data; got 2"),
        (32, r"evenly over 3 classes; got 32, which takes 11 of class b, of which there are 10. Lower it"),
        (10_000, r"which takes 3,334 of class a, of which there are 30. Lower it"),
    ],
)
def test_labels_that_are_not_there_are_not_kept(count, message):
    with pytest.raises(ConfigError, match=rf"data\.labelled: expected .*{message}"):
        DataSettings("labels", count).data(of_classes(30, 10, 20))


def test_labels_that_are_not_the_condition_are_not_counted():
    with pytest.raises(
        ConfigError, match=r'data\.labelled: expected condition = "labels", .*; got condition = None'
    ):
        DataSettings(labelled=100)


def test_a_condition_of_the_data_itself_is_kept_or_left_out():
    given = data([0, 1, 0], condition=Condition(("dose",)))
    assert DataSettings().data(given) is given
    assert DataSettings().info(given.info) is given.info
    bare = DataSettings("none").data(given)
    assert bare.info == DataSettings("none").info(given.info) == replace(given.info, condition=None)
    assert bare.train.condition is None
    assert LABELS.data(given).train.condition.shape == (3, 2)


def test_columns_are_those_of_the_dataset():
    """As a spec gives them to it; in Python that is done by hand."""
    given = data([0, 1, 0], condition=Condition(("dose",)))
    assert DataSettings(("dose",)).data(given) is given
    assert DataSettings(("dose",)).info(given.info) is given.info
    for wrong, got in ((given, r"1 column \(dose\)"), (data([0, 1, 0]), "none")):
        with pytest.raises(
            ConfigError, match=f"data.condition: expected data whose .* the columns age; got {got}"
        ):
            DataSettings(("age",)).data(wrong)


def test_the_packaged_images_have_ten_classes_as_conditions():
    dataset = FashionMini()
    found = LABELS.data(dataset.load())
    assert found.info == LABELS.info(dataset.info())
    assert found.info.values == BINARY
    np.testing.assert_array_equal(found.validation.condition.sum(0), [100] * 10)
    assert found.train.binarize_on_read

"""Data that a program has already: arrays, data frames, streams."""

import numpy as np
import pytest
import tensorflow as tf

from probvae.core import COUNTS, REAL, Data
from probvae.data import Arrays, FashionMini, as_dataset
from probvae.data.datasets.given import Given
from probvae.errors import UserError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)).astype(np.float32)
LABELS = np.arange(40) % 3


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Files are named relative to the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(source) -> Data:
    return as_dataset(source).load()


def same(one, other):
    assert one.info.sizes == other.info.sizes
    assert one.info.values == other.info.values
    assert one.info.classes == other.info.classes
    for part in ("train", "validation", "test"):
        first, second = getattr(one, part), getattr(other, part)
        np.testing.assert_array_equal(first.stored, second.stored)
        np.testing.assert_array_equal(first.rows, second.rows)
        assert (first.labels is None) == (second.labels is None)
        if first.labels is not None:
            np.testing.assert_array_equal(first.labels, second.labels)


def test_an_array_is_what_it_is_in_a_file():
    np.save("a.npy", X)
    same(loaded(X), Arrays("a.npy").load())
    same(loaded(tf.constant(X)), Arrays("a.npy").load())
    assert loaded(X).info.values in REAL
    assert loaded(X).info == as_dataset(X).info()
    np.save("b.npy", np.uint8(X[:, None] > 0))
    same(loaded(X[:, None] > 0), Arrays("b.npy").load())
    assert loaded(X[:, None] > 0).info.event_shape == (1, 5, 1)
    assert loaded(RNG.poisson(2.0, (30, 4))).info.values in COUNTS


NAMES = np.array(["cat", "dog", "eel"])[LABELS]


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], NAMES])
def test_a_pair_has_labels(labels):
    np.savez("a.npz", x=X, y=labels)
    same(loaded((X, labels)), Arrays("a.npz").load())


def test_text_labels_may_be_objects():
    whole = loaded((X, NAMES))
    assert whole.info.classes == ("cat", "dog", "eel")
    same(loaded((X, NAMES.astype(object))), whole)
    same(loaded(tf.data.Dataset.from_tensor_slices((X, NAMES))), whole)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_labels_may_be_missing(missing):
    """As pandas has them: text as objects, and integers as fractions."""
    gone = np.arange(40) % 5 == 0
    text, numbers = (np.where(gone, missing, labels.astype(object)) for labels in (NAMES, LABELS))
    data = loaded((X, text))
    assert data.info.classes == ("cat", "dog", "eel")
    assert data.info.notes[-1] == "labels: 3 classes (cat, dog, eel), 8 labels missing"
    for split in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(split.labels, np.where(gone, -1, LABELS)[split.rows])
    same(loaded((X, numbers)), loaded((X, np.where(gone, -1, LABELS))))
    np.savez("a.npz", x=X, y=np.where(gone, "", NAMES))
    same(Arrays("a.npz").load(), data)
    np.savez("a.npz", x=X, y=np.where(gone, np.nan, LABELS))
    same(Arrays("a.npz").load(), loaded((X, numbers)))


@pytest.mark.parametrize("batched", [False, True])
def test_a_stream_is_read_once(batched):
    read = []

    def counted(x, y):
        read.append(1)
        return x, y

    stream = tf.data.Dataset.from_tensor_slices((X, LABELS)).map(
        lambda x, y: tf.numpy_function(counted, [x, y], [tf.float32, tf.int64])
    )
    stream = stream.map(lambda x, y: (tf.ensure_shape(x, [5]), tf.ensure_shape(y, [])))
    dataset = as_dataset(stream.batch(7) if batched else stream)
    dataset.info()
    same(dataset.load(), loaded((X, LABELS)))
    assert len(read) == len(X)
    same(loaded(tf.data.Dataset.from_tensor_slices(X)), loaded(X))


def test_datasets_and_their_data_are_taken_as_they_are():
    mini = FashionMini("static")
    assert as_dataset(mini) is mini
    data = mini.load()
    assert loaded(data) is data


def test_a_data_frame_is_what_it_is_in_a_file():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X.astype(np.float64).round(3), columns=[*"abcde"])
    frame.iloc[3, 2] = np.nan
    frame.to_csv("a.csv", index=False)
    from probvae.data import TableFile

    one, other = loaded(frame.set_index(frame.index.map("p{}".format))), TableFile("a.csv").load()
    assert one.test.ids.tolist() == [f"p{row}" for row in one.test.rows]
    assert loaded(frame).test.ids is None
    same(one, other)
    assert one.info.columns == tuple("abcde")
    assert one.info.fitted == other.info.fitted
    again = as_dataset(frame[:20]).with_fitted(one.info.fitted)
    place = dict(zip(again.load().train.rows.tolist(), again.load().train.stored, strict=True))
    for row, stored in zip(one.train.rows.tolist(), one.train.stored, strict=True):
        if row in place:
            np.testing.assert_array_equal(stored, place[row])
    with pytest.raises(UserError, match="which has no such things"):
        as_dataset(X).with_fitted(one.info.fitted)


def test_an_index_gives_the_ids_if_nothing_is_split_off():
    """As where a run is used on a data frame."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[*"abcde"], index=[f"p{row}" for row in range(40)])
    data = Given(frame, share=0.0).load()
    assert data.train.ids.tolist() == [*frame.index]
    assert data.test.ids.tolist() == []


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None]], ids=["numbers", "columns"])
def test_pairs_in_batches_of_a_fixed_size_are_their_examples(labels):
    """Where the last batch is dropped, the size of a batch is part of its shape."""
    whole = stream(X[:, None], labels).batch(8, drop_remainder=True)
    same(loaded(whole), loaded((X[:, None], LABELS)))
    same(loaded(whole.map(lambda x, y: (x, y)).prefetch(1)), loaded((X[:, None], LABELS)))


def test_pairs_that_are_not_batched_stay_as_they_are():
    square = RNG.normal(size=(40, 5, 5)).astype(np.float32)
    same(loaded(stream(square, LABELS)), loaded((square, LABELS)))
    same(loaded(stream(square, LABELS[:, None])), loaded((square, LABELS)))


def test_examples_without_labels_that_batch_did_not_make_are_not_batched():
    images = RNG.normal(size=(40, 5, 5, 1)).astype(np.float32)
    for made in (stream(images), stream(images).batch(5, drop_remainder=True).unbatch()):
        same(loaded(made), loaded(images))
    windows = stream(images[:, 0, :, 0]).batch(4, drop_remainder=True)
    same(loaded(windows.batch(3)), loaded(images[:, 0, :, 0].reshape(10, 4, 5)))


def stream(*parts):
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0])


def ragged():
    return tf.data.Dataset.range(5).map(lambda n: tf.zeros([n + 1, 2]))


WRONG = {
    "a list": ([1, 2], "expected a numpy array .*; got list"),
    "one number each": (X[:, 0], r"N examples of shape E, none of these 0; got float32 \[40\]"),
    "no examples": (X[:0], r"got float32 \[0, 5\]"),
    "text": (X.astype(str), r"an array of real numbers .*; got <U"),
    "objects": (X.astype(object), "got object"),
    "NaN": (np.full((9, 2), np.nan), "NaN or infinity in example 0"),
    "few": (X[:2], "enough training examples to split off .*; got 2. Give a probvae.Data with all three"),
    "fractions": ((X, X[:, 0]), r"labels, integers or text, of shape \[40\]; got float64 \[40\]"),
    "few labels": ((X, LABELS[:7]), r"of shape \[40\]; got int64 \[7\]"),
    "three arrays": ((X, X, X), "got tuple"),
    "an endless stream": (stream(X).repeat(), r"got one that repeats forever. Leave repeat\(\) out"),
    "an empty stream": (stream(X).take(0), "expected a tf.data.Dataset with examples; got an empty one"),
    "triples": (stream(X, X, X), r"of pairs of examples and labels; got elements .*Choose them by map\(\)"),
    "batches or windows": (
        stream(X).batch(8, drop_remainder=True).map(lambda x: 2 * x).prefetch(1),
        r"whose elements float32 \[8, 5\] are either batches .* or examples .*; got .*batch\(8, drop_remainder="
        r"True\), .*Add unbatch\(\) .* or batch\(64\)",
    ),
    "batches of one pair or not": (
        stream(X, LABELS).batch(1, drop_remainder=True),
        r"whose elements float32 \[1, 5\] are either batches .* or examples .*; got labels of shape \[1\]",
    ),
    "other shapes": (ragged().map(lambda x: x[None]).flat_map(tf.data.Dataset.from_tensors), "of one shape; got"),
}


@pytest.mark.parametrize(("source", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(source, message):
    with pytest.raises(UserError, match=message):
        loaded(source)


def test_a_stream_that_does_not_fit_in_memory_is_refused_while_it_is_read(monkeypatch):
    monkeypatch.setattr("probvae.data.datasets.given.available_memory", lambda: 1000)
    with pytest.raises(UserError, match=r"fits in the 1\.0 kB .*; got one of more than 340 bytes"):
        loaded(stream(X).repeat(10**9))

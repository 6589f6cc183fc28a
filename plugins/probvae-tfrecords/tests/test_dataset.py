"""Examples from TFRecord files: what is read, in which order, and what is refused."""

import itertools
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from probvae import BINARY, COUNTS, REAL, UNIT, ConfigError, DataError, Split, Values
from probvae.data import Batches, batches_in_order

from probvae_tfrecords.dataset import TFRecords
from probvae_tfrecords.example_format import ExampleFormat
from probvae_tfrecords.records import AT_ONCE, Records
from probvae_tfrecords.shards import Shard

from .written import feature, record, write, write_shards

E = (2, 3, 1)
BYTES = np.random.default_rng(0).integers(0, 256, (50, *E)).astype(np.uint8)
BYTES[0, 0, 1] = 255
BYTES[:, 0, 0, 0] = np.arange(50)  # an example's first pixel is its number
PATTERNS = {"train": "train-*.tfrecord", "validation": "validation.tfrecord", "test": "test.tfrecord"}


@pytest.fixture(autouse=True)
def here(folder):
    """Four training files (the last one is shorter), and one each of the others."""
    write_shards(folder, BYTES, 4)
    write("validation.tfrecord", BYTES[:7])
    write("test.tfrecord", BYTES[7:12])
    return folder


def dataset(**how):
    return TFRecords(**{**PATTERNS, "shape": E, "shuffle_buffer": 15, **how})


def batches(size=8, seed=3, replicas=1, **how):
    return Batches(dataset(**how).load().train, size, seed, replicas)


def drawn(made, first, count):
    """The numbers of the examples (their first pixels) in some batches from a step on, without padding."""
    stream = made.stream(first)
    return [next(stream).x.numpy()[: made.examples(step), 0, 0, 0] for step in range(first, first + count)]


def epoch(made, number):
    return drawn(made, number * made.steps_per_epoch, made.steps_per_epoch)


def test_the_eight_files_of_the_readme_are_read_in_turns():
    assert AT_ONCE == 8


# What is read


@pytest.mark.parametrize("how", [{}, {"divide_by": 255.0}, {"divide_by": 255.0, "binarize": "dynamic"}], ids=str)
def test_the_parts_are_what_was_written(how):
    data = dataset(**how).load()
    assert data.info == dataset(**how).info()
    assert data.info.sizes == (50, 7, 5)
    assert data.info.event_shape == data.train.stored.shape[1:] == E
    assert data.train.binarize_on_read == (how.get("binarize") == "dynamic")
    assert not data.validation.binarize_on_read
    assert data.info.values == {0: Values.levels(256), 1: Values.levels(256, 255), 2: BINARY}[len(how)]
    np.testing.assert_array_equal(data.train.stored.load(), BYTES)
    for part in (data.validation, data.test):
        assert isinstance(part.stored, np.ndarray)
    if not how:
        np.testing.assert_array_equal(data.validation.stored, BYTES[:7])
        np.testing.assert_array_equal(data.test.stored, BYTES[7:12])


@given(st.slices(50), st.lists(st.integers(0, 49)))
def test_any_examples_can_be_read(where, which):
    train = dataset(divide_by=255.0).load().train
    which = np.array(which, np.int64)
    np.testing.assert_array_equal(train.stored[where], BYTES[where])
    np.testing.assert_array_equal(train.stored[which], BYTES[which])
    np.testing.assert_array_equal(train.scaled(train.stored[which]), BYTES[which] / np.float32(255))


def test_chunks_and_intensities_are_in_the_order_of_the_files():
    train = dataset().load().train
    np.testing.assert_array_equal(np.concatenate([batch.x for batch in batches_in_order(train, 8, seed=0)]), BYTES)
    np.testing.assert_array_equal(train.intensities(20), BYTES[:20])


@pytest.mark.parametrize("kind", ["uint8", "float32", "float_list", "int64_list"])
def test_numbers_may_be_bytes_or_lists(kind, here):
    array = BYTES - 100.5 if "float" in kind else BYTES
    for part in PATTERNS:
        write(f"{part}.tfrecord", [record(x, kind, "x") for x in array])
    files = {part: f"{part}.tfrecord" for part in PATTERNS}
    data = TFRecords(**files, shape=E, feature="x", dtype=kind).load()
    assert data.info.values == {"uint8": Values.levels(256), "int64_list": COUNTS}.get(kind, REAL)
    np.testing.assert_array_equal(data.validation.stored, array)
    np.testing.assert_array_equal(data.train.stored[:], array)
    stream = Batches(data.train, 10, 0).stream(0)
    x = np.concatenate([next(stream).x for _ in range(5)])
    np.testing.assert_array_equal(np.sort(x, axis=0), np.sort(array, axis=0).astype(np.float32))


@pytest.mark.parametrize(("top", "values"), [(1, BINARY), (0.5, UNIT), (7, COUNTS), (-0.5, REAL), (1.5, REAL)])
def test_values_are_of_the_narrowest_kind_that_holds_those_in_memory(top, values):
    for part in PATTERNS:
        write(f"{part}.tfrecord", [record(np.full(E, x), "float_list") for x in (0, top)])
    files = {part: f"{part}.tfrecord" for part in PATTERNS}
    assert TFRecords(**files, shape=E, dtype="float_list").info().values == values


@pytest.mark.parametrize(
    ("top", "divide_by", "values"),
    [
        (1, 1, BINARY),
        (2, 1, Values.levels(256)),
        (80, 100, Values.levels(101, 100)),
        (101, 100, Values.levels(256, 100)),
        (200, 255, Values.levels(256, 255)),
        (200, 256, Values.levels(256, 256)),
        (200, 127.5, Values(0, 2)),
    ],
)
def test_bytes_are_levels(top, divide_by, values):
    for part in PATTERNS:
        write(f"{part}.tfrecord", [record(np.full(E, x, np.uint8), "uint8") for x in (0, top)])
    files = {part: f"{part}.tfrecord" for part in PATTERNS}
    assert TFRecords(**files, shape=E, divide_by=divide_by).info().values == values


# The order


@pytest.mark.parametrize("buffer", [1, 7, 1_000])
@pytest.mark.parametrize("size", [1, 8, 10, 50, 64])
def test_an_epoch_has_every_example_once_in_batches_of_the_size(size, buffer):
    made = batches(size, shuffle_buffer=buffer)
    parts = epoch(made, number=1)
    assert sorted(np.concatenate(parts)) == list(range(50))
    assert [len(part) for part in parts[:-1]] == [made.size] * (len(parts) - 1)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any), st.integers(1, 9), st.integers(0, 2**63 - 1)
)
def test_an_epoch_is_a_permutation_whatever_the_files(tmp_path_factory, counts, size, seed):
    folder = tmp_path_factory.mktemp("files")
    starts = np.cumsum([0, *counts])
    for number, count in enumerate(counts):
        write(
            folder / f"{number:02}", [record(np.array([starts[number] + i]), "int64_list") for i in range(count)]
        )
    shards = tuple(Shard.open(path) for path in sorted(folder.iterdir()))
    records = Records(shards, ExampleFormat("image", (1,), "int64_list"), shuffle_buffer=4)
    made = Batches(Split(records), size, seed)
    stream = made.stream(0)
    for number in range(2):
        steps = [number * made.steps_per_epoch + i for i in range(made.steps_per_epoch)]
        x = np.concatenate([next(stream).x[: made.examples(step), 0] for step in steps])
        assert sorted(x) == list(range(sum(counts)))


def test_epochs_and_seeds_have_orders_of_their_own():
    made = batches()
    orders = np.concatenate(drawn(made, 0, 20 * made.steps_per_epoch)).reshape(20, 50).tolist()
    orders += [np.concatenate(epoch(batches(seed=seed), 0)).tolist() for seed in (0, -1, 2**40)]
    assert len(np.unique(orders, axis=0)) == 23


def test_a_large_buffer_mixes_the_files():
    """With room for all, an example's place in the epoch says nothing of its place in the files."""
    made = batches(50, shuffle_buffer=50)
    correlations = [np.corrcoef(order, range(50))[0, 1] for order in drawn(made, 0, 40)]
    assert abs(np.mean(correlations)) < 6 / np.sqrt(49 * 40)


def test_the_order_is_a_function_of_the_seed_and_not_of_the_global_random_state():
    one = np.concatenate(drawn(batches(), 0, 9))
    tf.random.set_seed(99)
    np.testing.assert_array_equal(one, np.concatenate(drawn(batches(), 0, 9)))


@pytest.mark.parametrize("first", [0, 1, 6, 7, 40])
def test_a_stream_has_the_batches_from_any_step_on(first):
    made = batches(divide_by=255.0, binarize="dynamic")
    stream, whole = made.stream(first), made.stream(0)
    for _ in range(first):
        next(whole)
    for step in range(first, first + 9):
        batch = next(stream)
        for found, expected in zip(batch, next(whole), strict=True):
            np.testing.assert_array_equal(found, expected)
        if step == first:
            np.testing.assert_array_equal(made.batch(step).x, batch.x)
            numbers = made.indices(step)[: made.examples(step)]
            np.testing.assert_array_equal(numbers, *drawn(batches(), step, 1))


@pytest.mark.parametrize(("size", "replicas"), [(8, 1), (10, 1), (49, 7), (64, 4)])
def test_batches_have_one_shape_and_padding_weighs_nothing(size, replicas):
    made = batches(size, replicas=replicas)
    assert made.size % replicas == 0
    stream = made.stream(0)
    spec = stream.element_spec
    assert (spec.x.shape, spec.weights.shape) == ((made.size, *E), (made.size,))
    for step in range(2 * made.steps_per_epoch):
        batch = next(stream)
        x, weights = batch.x.numpy(), batch.weights.numpy()
        n = made.examples(step)
        np.testing.assert_array_equal(weights[:n], np.float32(1 / n))
        np.testing.assert_array_equal(weights[n:], 0)
        np.testing.assert_array_equal(x, BYTES[x[:, 0, 0, 0].astype(int)])


def test_binarisation_is_fresh_at_every_step_and_follows_the_intensities():
    files = dict.fromkeys(PATTERNS, "grey.tfrecord")
    write("grey.tfrecord", [np.full(E, 51)] * 500)
    made = Batches(TFRecords(**files, shape=E, divide_by=255, binarize="dynamic").load().train, 500, 0)
    one, other = made.batch(0).x.numpy(), made.batch(1).x.numpy()
    assert set(np.unique(one)) == {0, 1}
    assert abs(one.mean() - 0.2) < 6 * 0.4 / np.sqrt(one.size)
    assert not np.array_equal(one, other)


def test_an_example_is_called_by_its_file_and_place():
    made = batches()
    assert [made.place(index) for index in (0, 12, 13, 49)] == [
        "train-0.tfrecord record 0",
        "train-0.tfrecord record 12",
        "train-1.tfrecord record 0",
        "train-3.tfrecord record 10",
    ]


# Mistakes


@pytest.mark.parametrize(
    ("how", "parameter", "message"),
    [
        ({"train": "none-*"}, "train", "got no file"),
        ({"test": "empty.tfrecord"}, "test", "at least one example; got 1 files without any"),
        ({"feature": "img"}, "feature", "a feature 'img'; got features image in record 0 of"),
        ({"shape": (2, 3)}, None, ""),
        ({"shape": (28, 28, 1)}, "shape", "784 bytes in 'image' (uint8 [28, 28, 1]); got 6 in record 0"),
        ({"dtype": "float32"}, "shape", "24 bytes in 'image' (float32 [2, 3, 1]); got 6 in record 0"),
        ({"dtype": "float_list"}, "dtype", "'image' to be a float_list, for float_list; got a bytes_list"),
        ({"test": "lists.tfrecord"}, "dtype", "'image' to be a bytes_list, for uint8; got a float_list"),
        ({"test": "text.tfrecord"}, "feature", "tf.train.Example messages; got something else"),
        ({"test": "two.tfrecord"}, "feature", "one string of bytes in 'image'; got 2"),
        ({"binarize": "dynamic"}, "binarize", "to be used as probabilities; got integers from 0 to 255"),
    ],
)
def test_the_error_of_a_mistake_names_its_parameter(how, parameter, message):
    write("empty.tfrecord", [])
    write("lists.tfrecord", [record(BYTES[0], "float_list")])
    write("text.tfrecord", [b"\xff\xff some text"])
    twice = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"a", b"b"]))
    features = tf.train.Features(feature={"image": twice})
    write("two.tfrecord", [tf.train.Example(features=features).SerializeToString()])
    if parameter is None:
        assert dataset(**how).info().event_shape == (2, 3)
        return
    for call in (dataset(**how).info, dataset(**how).load):
        with pytest.raises(ConfigError) as caught:
            call()
        assert caught.value.parameter == parameter
        assert str(caught.value).startswith(f"data.{parameter}: expected ")
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"shape": ()}, "a list, each an integer >= 1 (1 or more of them)"),
        ({"dtype": "uint16"}, "one of 'uint8', 'float32', 'float_list', 'int64_list'"),
        ({"binarize": "static"}, "one of 'dynamic', 'none'"),
        ({"divide_by": 0.0}, "a number > 0"),
        ({"shuffle_buffer": 0}, "an integer >= 1"),
    ],
)
def test_a_value_of_another_type_is_refused_before_a_file_is_read(how, expected):
    ((parameter, value),) = how.items()
    with pytest.raises(ConfigError, match=re.escape(f"expected {parameter} to be {expected}; got {value!r}")):
        dataset(**how)


def test_divide_by_is_proposed_where_values_are_no_probabilities():
    with pytest.raises(ConfigError, match=r"Set data\.divide_by = 255, or data\.binarize"):
        dataset(binarize="dynamic").info()


# Damage


def damage(name, place, here):
    content = bytearray((here / name).read_bytes())
    content[place] ^= 1
    (here / name).write_bytes(content)


def test_damage_in_examples_that_are_loaded_is_an_error_at_once(here):
    size = len((here / "validation.tfrecord").read_bytes()) // 7
    damage("validation.tfrecord", 3 * size + 20, here)
    with pytest.raises(DataError, match=r"validation\.tfrecord: record 3 is damaged: its checksum"):
        dataset().load()


def flipped(here):
    size = len((here / "train-1.tfrecord").read_bytes()) // 13
    damage("train-1.tfrecord", 5 * size + 20, here)
    return r"train-1\.tfrecord: record 5 is damaged: its checksum differs. Replace the file\."


def truncated(here):
    content = (here / "train-1.tfrecord").read_bytes()
    (here / "train-1.tfrecord").write_bytes(content[:-3])
    return r"train-1\.tfrecord: truncated inside a record"


def gone(here):
    (here / "train-1.tfrecord").unlink()
    return r"train-1\.tfrecord: cannot be read \(No such file"


def shorter(here):
    write(here / "train-1.tfrecord", BYTES[:12])
    return r"train-1\.tfrecord: changed since it was opened"


def longer(here):
    write(here / "train-1.tfrecord", BYTES[:14])
    return r"train-1\.tfrecord: changed since it was opened"


def odd(content, message):
    def change(here):
        write(here / "train-1.tfrecord", [*BYTES[13:18], content, *BYTES[19:26]])
        return rf"train-1\.tfrecord, record 5: expected {message}"

    return change


BEFORE = [flipped, gone, truncated, shorter, longer]
ODD = {
    "feature": odd(record(BYTES[0], name="x"), "a feature 'image'; got features x"),
    "size": odd(record(BYTES[0, :1]), r"6 bytes in 'image' \(uint8 \[2, 3, 1\]\); got 3"),
    "kind": odd(record(BYTES[0], "float_list"), "'image' to be a bytes_list, for uint8; got a float_list"),
    "text": odd(b"some text", "records that are tf.train.Example messages; got something else"),
    "binary": odd(b"\xff\xff\xff", "records that are tf.train.Example messages; got something else"),
}


def error_of(made):
    """The message for the error that comes out of a stream."""
    stream = made.stream(0)
    with pytest.raises((tf.errors.OpError, UnicodeDecodeError)) as caught:
        list(itertools.islice(stream, made.steps_per_epoch))
    return str(made.fault(caught.value))


@pytest.mark.parametrize("change", BEFORE, ids=lambda change: change.__name__)
def test_the_error_of_damage_done_after_the_files_were_opened_names_the_file(change, here):
    made = batches()
    message = change(here)
    assert re.search(message, error_of(made))


@pytest.mark.parametrize("name", ODD)
def test_a_record_that_is_unlike_the_first_is_named(name, here):
    message = ODD[name](here)
    made = batches()
    assert re.search(message, error_of(made))
    with pytest.raises(DataError, match=message):
        made._split.stored[:]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, r"numbers from 0 to 1, as in the validation and test examples; got numbers from 1\.5 to 1\.5"),
        (np.nan, "got NaN or infinity"),
    ],
)
def test_a_training_example_of_other_values_is_named(value, expected, here):
    files = {part: f"{part}.tfrecord" for part in PATTERNS}
    for part in PATTERNS:
        write(f"{part}.tfrecord", [record(np.full(E, 0.5), "float_list")] * 9)
    write("train.tfrecord", [record(np.full(E, x), "float_list") for x in (0.0, 0.5, 0.75, value, 1.0)])
    made = Batches(TFRecords(**files, shape=E, dtype="float_list").load().train, 2, 0)
    assert re.search(rf"train\.tfrecord, record 3: expected .*{expected}", error_of(made))


def test_an_error_that_is_not_about_the_files_is_left_alone():
    made = batches()
    for error in (ValueError("x"), tf.errors.InvalidArgumentError(None, None, "XLA cannot compile this")):
        assert made.fault(error) is None
    assert made.fault(tf.errors.FailedPreconditionError(None, None, "another")) is None


# Notes, and memory


def test_the_notes_name_the_feature_and_the_files(here):
    label = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    features = tf.train.Features(feature={"image": feature(BYTES[0]), "label": label})
    write("labelled.tfrecord", [tf.train.Example(features=features).SerializeToString()])
    assert dataset(test="labelled.tfrecord").info().notes == (
        "train: feature image of 4 files, uint8 [2, 3, 1]",
        "validation: feature image of 1 file, uint8 [2, 3, 1]",
        "test: feature image of 1 file, uint8 [2, 3, 1]; ignored: label",
    )


def test_records_too_short_for_an_example_allocate_nothing(monkeypatch):
    write("short.tfrecord", [record(BYTES[0]), *[b""] * 1000])
    monkeypatch.setattr(Records, "load", None)
    with pytest.raises(
        DataError, match=r"short\.tfrecord, record 1: expected a feature 'image'; got features \(none\)"
    ):
        dataset(validation="short.tfrecord").info()


def test_what_does_not_fit_in_memory_is_refused_before_it_is_loaded(monkeypatch):
    monkeypatch.setattr(Records, "load", None)
    monkeypatch.setattr("probvae_tfrecords.dataset.available_memory", lambda: 50)
    with pytest.raises(
        ConfigError, match=r"in the 50 bytes of memory that are available; got \d+ bytes\. Name"
    ) as caught:
        dataset(shuffle_buffer=1).info()
    assert caught.value.parameter == "validation"
    monkeypatch.setattr("probvae_tfrecords.dataset.available_memory", lambda: 500)
    with pytest.raises(
        ConfigError, match=r"got 1\.\d kB, for 10,000 records of up to \d\d bytes\. Set a smaller one"
    ) as caught:
        dataset(shuffle_buffer=10_000).info()
    assert caught.value.parameter == "shuffle_buffer"

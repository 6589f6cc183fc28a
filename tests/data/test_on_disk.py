"""An array left in its file is the array, in every bit, and takes no memory."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from probvae.core import LazyIntensities, Split
from probvae.data import Arrays, Batches, batches_in_order
from probvae.data.feeding.batches import padded_batches
from probvae.data.feeding.binarize import binarize_splits
from probvae.data.files import on_disk
from probvae.data.files.npy import read_header
from probvae.data.files.on_disk import OnDisk
from probvae.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (40, 6, 5), np.uint8)
PARTS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(path="a.npy"):
    with open(path, "rb") as file:
        return OnDisk.open(Path(path), file, read_header(file, os.path.getsize(path)))


def both(path="a.npy", **how):
    """The data of a file, read into memory and left where it is."""
    return Arrays(path, **how).load(), Arrays(path, in_memory=False, **how).load()


DTYPES = ["uint8", "bool", "int16", ">i4", "uint32", "float16", "float32", ">f8", "longdouble"]


@given(
    st.sampled_from(DTYPES),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(1, 30),
    st.slices(40),
    st.data(),
)
def test_what_is_read_is_what_the_array_has(dtype, event_shape, count, where, data):
    array = RNG.integers(0, 2 if dtype == "bool" else 100, (count, *event_shape)).astype(dtype)
    np.save("a.npy", array)
    found = opened()
    rows = np.array(data.draw(st.lists(st.integers(0, count - 1))), np.int64)
    subset = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1)), np.int64)
    inside = rows[rows < len(subset)]
    assert found.shape == array.shape
    assert len(found) == count
    for one, other in [
        (found[where], array[where]),
        (found[rows], array[rows]),
        (found.part(subset)[inside], array[subset][inside]),
        (found.part(subset)[where], array[subset][where]),
        (found.part(subset).part(inside)[:], array[subset][inside]),
        (found.as_events((*event_shape, 1))[rows], array[rows][..., None]),
    ]:
        assert type(one) is np.ndarray
        assert one.dtype == found.dtype
        np.testing.assert_array_equal(one, other.astype(found.dtype))
    assert tf.as_dtype(found.dtype)


@pytest.mark.parametrize("binarize", ["none", "dynamic", "static"])
@pytest.mark.parametrize("how", [{}, {"share": 0.3}, {"channel_axis": False}, {"test": "b.npy"}], ids=str)
def test_a_dataset_left_in_its_files_is_the_same_in_every_bit(binarize, how):
    np.save("a.npy", BYTES)
    np.save("b.npy", BYTES[:7].astype(bool) if how.get("test") and binarize == "none" else BYTES[:7])
    np.save("y.npy", np.arange(40))
    one, other = both(divide_by=255.0, binarize=binarize, train_labels="y.npy", **how)
    assert one.info == other.info
    for part in PARTS:
        memory, file = getattr(one, part), getattr(other, part)
        assert not isinstance(file.stored, np.ndarray)
        assert (memory.stored.shape, memory.stored.dtype) == (file.stored.shape, file.stored.dtype)
        np.testing.assert_array_equal(memory.stored, file.stored[:])
        np.testing.assert_array_equal(memory.intensities(3), file.intensities(3))
        np.testing.assert_array_equal(memory.labels, file.labels)
        for x, y in zip(batches_in_order(memory, 3, seed=0), batches_in_order(file, 3, seed=0), strict=True):
            np.testing.assert_array_equal(x.x, y.x)
        for (x, n), (y, m) in zip(padded_batches(memory, 4, seed=0), padded_batches(file, 4, seed=0), strict=True):
            np.testing.assert_array_equal(x.x, y.x)
            assert n == m
        which = RNG.permutation(len(memory))
        np.testing.assert_array_equal(memory.stored[which], file.stored[which])
        np.testing.assert_array_equal(memory.intensities()[which], LazyIntensities(file)[which])


@pytest.mark.parametrize("binarize", ["none", "dynamic", "static"])
@pytest.mark.parametrize(("size", "replicas"), [(5, 1), (7, 1), (64, 3)])
def test_batches_are_the_same_in_every_bit(binarize, size, replicas):
    np.save("a.npy", BYTES)
    memory, file = (
        Batches(data.train, size, seed=3, replicas=replicas) for data in both(divide_by=255.0, binarize=binarize)
    )
    # Each beside its like: in a graph TensorFlow divides by a constant in another way than eagerly.
    graphs = [tf.function(b.batch, input_signature=[tf.TensorSpec((), tf.int64)]) for b in (memory, file)]
    assert graphs[1].get_concrete_function().structured_outputs.x.shape == (file.size, 6, 5, 1)
    streams = [b.stream(1) for b in (memory, file)]
    for step in range(1, 2 * memory.steps_per_epoch + 1):
        pairs = [
            (memory.batch(step), file.batch(step)),
            tuple(graph(step) for graph in graphs),
            tuple(next(stream) for stream in streams),
        ]
        for expected, found in pairs:
            np.testing.assert_array_equal(found.x, expected.x)
            np.testing.assert_array_equal(found.weights, expected.weights)
        np.testing.assert_array_equal(file.indices(step), memory.indices(step))


def test_what_is_binarised_where_it_is_read_is_what_would_be_binarised_at_once():
    """Over more than one block of what is made in memory."""
    array = np.tile(np.arange(256, dtype=np.uint8), (40_000, 1))
    np.save("a.npy", array)
    split_on_disk, split = (Split(stored, divide_by=255.0) for stored in (opened(), array))
    (lazy, *_), (made, *_) = (binarize_splits(part, part, part, "static") for part in (split_on_disk, split))
    which = RNG.integers(0, 40_000, 300)
    np.testing.assert_array_equal(lazy.stored[which], made.stored[which])
    np.testing.assert_array_equal(lazy.stored[39_000:39_500], made.stored[39_000:39_500])


def test_examples_not_in_memory_can_be_given_for_an_array():
    np.save("a.npy", BYTES)
    memory, file = both(divide_by=255.0)
    lazy = LazyIntensities(file.train)
    assert np.shape(lazy) == memory.train.stored.shape
    assert lazy.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(lazy), memory.train.intensities())


# Memory


def resident():
    """Bytes of this process that are in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="has no resident memory")
@pytest.mark.parametrize("how", ["rows", "slices"])
def test_what_was_read_does_not_stay_in_memory(how):
    np.lib.format.open_memmap("a.npy", "w+", np.uint8, (128 * 1024, 1024)).flush()  # 128 MiB, without its zeros
    found = opened()
    before = resident()
    most = 0
    for part in np.split(np.random.default_rng(0).permutation(len(found)), 1024):
        read = found[part] if how == "rows" else found[int(part[0]) // 128 * 128 : int(part[0]) // 128 * 128 + 128]
        assert not read.any()
        most = max(most, resident() - before)
    assert most < 16 * 2**20


def test_a_system_without_positional_reads_and_advice_reads_the_same(monkeypatch):
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    monkeypatch.setattr(on_disk, "_pread", on_disk._seek_and_read)
    np.save("a.npy", BYTES)
    np.testing.assert_array_equal(opened()[:], BYTES)
    np.testing.assert_array_equal(opened()[np.array([7, 3, 4])], BYTES[[7, 3, 4]])


def test_a_system_that_gives_only_so_much_at_once_reads_the_same(monkeypatch):
    """Linux gives two gigabytes."""
    monkeypatch.setattr(on_disk, "_pread", lambda file, length, start: os.pread(file, min(length, 100), start))
    np.save("a.npy", BYTES)
    np.testing.assert_array_equal(opened()[:], BYTES)
    np.testing.assert_array_equal(opened()[2:40:3], BYTES[2:40:3])


def test_the_file_is_closed_with_its_last_reader():
    np.save("a.npy", BYTES)
    found = opened()
    part, descriptor = found.part(np.array([1, 2])), found.file._descriptor
    del found
    os.fstat(descriptor)
    del part
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def consume(stream):
    for _ in range(20):
        next(stream)


def test_the_error_of_a_file_that_becomes_shorter_has_its_sizes():
    np.save("a.npy", BYTES)
    (whole, _), found = both(divide_by=255.0), opened()
    batches = Batches(both(divide_by=255.0)[1].train, 8, seed=0)
    stream = batches.stream(0)
    next(stream)
    os.truncate("a.npy", 500)
    message = "a.npy: expected 1,328 bytes, as when it was opened; got 500. It must stay"
    with pytest.raises(DataError, match=message):
        found[:]
    with pytest.raises(tf.errors.OpError) as caught:
        consume(stream)
    assert message in str(batches.fault(caught.value))
    assert batches.fault(ValueError("of something else")) is None
    assert Batches(whole.train, 8, seed=0).fault(caught.value) is None


def test_the_values_are_looked_at_once(monkeypatch):
    np.save("a.npy", BYTES)
    data = Arrays("a.npy", in_memory=False)
    info = data.info()
    monkeypatch.setattr("probvae.data.feeding.splits._block_values", None)
    assert data.load().info == info


def test_arrays_in_memory_are_gathered_by_tensorflow(monkeypatch):
    monkeypatch.setattr(tf, "numpy_function", None)
    Batches(Split(BYTES), 4, seed=0).batch(0)


# What is refused


def refusal(path, parameter="train", **how):
    with pytest.raises(ConfigError) as caught:
        Arrays(path, in_memory=False, **how).load()
    assert caught.value.parameter == parameter
    assert str(caught.value).startswith(f"data.{parameter}: expected ")
    return str(caught.value)


def test_an_archive_cannot_stay_on_disk():
    np.savez("a.npz", BYTES)
    np.save("b.npy", BYTES)
    message = refusal("a.npz")
    assert "got the archive a.npz" in message
    assert "numpy.save" in message
    assert "a.npz" in refusal("b.npy", parameter="test", test="a.npz")
    np.savez("labels.npz", y=np.arange(40))
    assert Arrays("b.npy", train_labels="labels.npz", in_memory=False).load().train.labels.shape == (32,)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.asfortranarray(BYTES), "Fortran's order in a.npy. Save numpy.ascontiguousarray"),
        (np.array([[None]]), "real numbers; got object in a.npy"),
        (np.zeros((5, 2), np.complex64), "real numbers; got complex64"),
        (np.zeros((5, 2), [("a", "f4")]), "real numbers; got [("),
        (np.zeros(5), "Examples of one number are an array [N, 1]"),
        (np.zeros(()), "got [] in a.npy"),
        (np.zeros((0, 5)), "got [0, 5] in a.npy"),
        (np.full((5, 2), np.nan), "NaN or infinity in example 0"),
        (np.zeros((2, 5)), "enough training examples to split off"),
    ],
)
def test_an_array_that_cannot_be_data_is_refused(array, message):
    np.save("a.npy", array)
    assert message in refusal("a.npy")


def test_the_example_that_is_not_finite_is_named_as_in_the_file():
    array = np.zeros((40, 3))
    array[17, 1] = np.inf
    np.save("a.npy", array)
    assert "in example 17" in refusal("a.npy")


def test_a_version_of_the_format_that_is_unknown_is_refused(here):
    np.save("a.npy", BYTES)
    content = bytearray((here / "a.npy").read_bytes())
    content[6] = 9
    (here / "a.npy").write_bytes(content)
    assert "version 9.0 of the format" in refusal("a.npy")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(version):
    with open("a.npy", "wb") as file:
        np.lib.format.write_array(file, BYTES, version=version)
    for data in both(channel_axis=False):
        assert {row.tobytes() for row in data.test.stored[:]} < {row.tobytes() for row in BYTES}


@pytest.mark.parametrize("cut", [1, 40, 1190, 1250, 1327])
def test_a_truncated_file_is_refused(here, cut):
    np.save("a.npy", BYTES)
    content = (here / "a.npy").read_bytes()
    (here / "a.npy").write_bytes(content[:-cut])
    assert "a.npy" in refusal("a.npy")


def test_another_kind_of_file_and_a_missing_one_are_refused(here):
    (here / "a.npy").write_bytes(b"1,2,3\n")
    assert "a .npy or .npz file" in refusal("a.npy")
    assert f"no file {here / 'none.npy'}" in refusal("none.npy")


def test_what_a_notebook_prints_is_one_line():
    np.save("a.npy", BYTES)
    dataset = Arrays("a.npy", divide_by=255.0, binarize="static", in_memory=False)
    assert repr(dataset) == "Arrays(train='a.npy', divide_by=255.0, binarize='static', in_memory=False)"
    split = dataset.load().train
    shape = f"{[len(split), *split.stored.shape[1:]]}"
    assert repr(split.stored) == f"<LazyBinarised: uint8 {shape}>"
    assert repr(split.stored.split.stored) == f"<OnDisk a.npy: uint8 {shape}>"

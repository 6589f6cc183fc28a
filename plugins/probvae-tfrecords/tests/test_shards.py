"""Counting records by their headers, against what TensorFlow writes and reads."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from probvae import ConfigError, DataError

from probvae_tfrecords.shards import Shard, find

from .written import write


@given(st.lists(st.binary(max_size=20) | st.integers(0, 100_000).map(bytes), max_size=10))
def test_records_are_counted_and_found_again(contents):
    write("a.tfrecord", contents)
    shard = Shard.open("a.tfrecord")
    assert len(shard) == len(contents) == len(list(tf.data.TFRecordDataset("a.tfrecord")))
    which = np.random.default_rng(0).permutation(len(contents)).tolist()
    assert shard.records(which) == [contents[number] for number in which]


@pytest.fixture
def content(folder):
    """Three records, which take 22, 19 and 24 bytes."""
    write("a.tfrecord", [b"abcdef", b"ghi", b"jklmnopq"])
    return (folder / "a.tfrecord").read_bytes()


def test_any_bit_of_a_header_that_flips_is_noticed(content, folder):
    for record, start in enumerate((0, 22, 41)):
        for place in range(8 * start, 8 * start + 8 * 12):
            damaged = bytearray(content)
            damaged[place // 8] ^= 1 << place % 8
            (folder / "a.tfrecord").write_bytes(damaged)
            message = rf"a\.tfrecord: a header that is damaged at byte {start} \(record {record}\)"
            with pytest.raises(DataError, match=message):
                Shard.open("a.tfrecord")


def test_a_truncated_file_is_noticed(content, folder):
    for left in {*range(1, len(content))} - {22, 41}:
        (folder / "a.tfrecord").write_bytes(content[:left])
        with pytest.raises(DataError, match=r"a\.tfrecord: truncated inside a (header|record) at byte"):
            Shard.open("a.tfrecord")


def test_a_file_that_has_gone_or_shrunk_is_noticed(content, folder):
    shard = Shard.open("a.tfrecord")
    (folder / "a.tfrecord").write_bytes(content[:50])
    assert shard.records([0]) == [b"abcdef"]
    with pytest.raises(DataError, match="truncated since it was opened"):
        shard.records([2])
    (folder / "a.tfrecord").unlink()
    with pytest.raises(DataError, match=r"a\.tfrecord: cannot be read \(No such file"):
        shard.records([0])
    with pytest.raises(DataError, match=r"a\.tfrecord: cannot be read \(No such file"):
        Shard.open("a.tfrecord")


def test_patterns_name_files_in_order_each_once(folder):
    (folder / "more").mkdir()
    for name in ("b-1", "b-0", "a-0", "more/c-0"):
        write(f"{name}.tfrecord", [b"x"])

    def names(patterns):
        return [path.relative_to(folder).with_suffix("").as_posix() for path in find(patterns, "data.train")]

    assert names(["b-*.tfrecord"]) == ["b-0", "b-1"]
    assert names(("b-1.tfrecord", "*.tfrecord")) == ["b-1", "a-0", "b-0"]
    assert names(["**/*.tfrecord"]) == ["a-0", "b-0", "b-1", "more/c-0"]


@pytest.mark.parametrize(
    "patterns", [("none-*.tfrecord",), ("",), ("here.tfrecord", "none.tfrecord"), (), ("more",)]
)
def test_a_pattern_of_nothing_is_refused(patterns, folder):
    write("here.tfrecord", [b"x"])
    (folder / "more").mkdir()
    with pytest.raises(ConfigError, match=r"data\.validation: expected .*; got no") as caught:
        find(patterns, "data.validation")
    assert caught.value.parameter == "validation"

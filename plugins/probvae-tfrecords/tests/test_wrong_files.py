"""No TFRecord file, however wrong, ends in a traceback or in much memory; a case is a function of its number."""

import resource
import struct
import sys

import numpy as np
import pytest
import tensorflow as tf
from probvae.errors import ProbvaeError

from probvae_tfrecords.dataset import TFRecords

E = (4, 3)
KINDS = ["uint8", "float32", "float_list", "int64_list"]
GIGABYTE = 2**30 if sys.platform == "darwin" else 2**20  # in ru_maxrss


def checksum(content):
    """The masked CRC-32C of TFRecord files."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1))
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def framed(records, length=None):
    """A TFRecord file; the header of its last record may have another length."""
    parts = []
    for number, content in enumerate(records):
        head = struct.pack("<Q", len(content) if length is None or number < len(records) - 1 else length)
        parts += [head, struct.pack("<I", checksum(head)), content, struct.pack("<I", checksum(content))]
    return b"".join(parts)


def example(values, kind="uint8", name="image", copies=1):
    if kind == "float_list":
        feature = tf.train.Feature(float_list=tf.train.FloatList(value=values.ravel().tolist()))
    elif kind == "int64_list":
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values.ravel().astype(int).tolist()))
    else:
        feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[values.astype(kind).tobytes()] * copies))
    return tf.train.Example(features=tf.train.Features(feature={name: feature})).SerializeToString()


GOOD = example(np.ones(E))

# Damage to any bytes


def flipped(content, rng):
    """Some bits, most of them near the start."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        near = rng.random() < 0.6
        place = min(int(rng.exponential(60)), len(content) - 1) if near else rng.integers(len(content))
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def truncated(content, rng):
    return content[: rng.integers(len(content))]


def extended(content, rng):
    return content + rng.bytes(int(rng.integers(1, 2000)))


def cut_out(content, rng):
    start = rng.integers(len(content))
    return content[:start] + content[start + rng.integers(1, 200) :]


def inserted(content, rng):
    start = rng.integers(len(content))
    return content[:start] + rng.bytes(int(rng.integers(1, 200))) + content[start:]


def overwritten(content, rng):
    """A few bytes by the largest or smallest ones, where lengths may be."""
    start, count = rng.integers(len(content)), int(rng.choice([1, 2, 4, 8]))
    return content[:start] + rng.choice([b"\xff", b"\0", b"\x7f"]) * count + content[start + count :]


def replaced(content, rng):
    """By the start of a file of another kind."""
    heads = [b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x1f\x8b\x08\0", b"\x93NUMPY", b"1,2\n3,4\n", b"", bytes(300)]
    return heads[rng.integers(len(heads))] + rng.bytes(int(rng.integers(0, 5000)))


# Damage that knows the format


def another_length(content, rng):
    """A record with another length in its header, and the checksum of that."""
    lengths = [0, 1, 5, 10**6, 2**31, 2**40, 2**62, 2**63, 2**64 - 1]
    return framed([GOOD] * 3, lengths[rng.integers(len(lengths))])


def another_record(content, rng):
    """Records that are no examples, or others than expected, framed as they should be."""
    values = rng.choice([0.0, 0.5, 1.0, 255.0, np.nan, -1.0], E)
    kind = str(rng.choice(KINDS))
    whole = np.nan_to_num(values) if kind in ("uint8", "int64_list") else values
    odd = [
        b"", rng.bytes(20), b"some text", example(np.abs(whole), kind), example(whole[:1], "float32"),
        example(np.ones(E), "uint8", "other"), example(np.ones(E), "uint8", copies=3), b"\x0a" * 3000,
        b"\xff" * 11, b"\x0a\xff\xff\xff\xff\x07", example(np.ones((20, 20)), "float_list"), b"\xc3\x28" * 30,
        tf.train.Example().SerializeToString(),
    ]  # fmt: skip
    records = [GOOD] * int(rng.integers(0, 3)) + [odd[place] for place in rng.integers(0, len(odd), 2)]
    return framed(records + [GOOD] * int(rng.integers(0, 3)))


def many_empty_records(content, rng):
    return framed([GOOD]) + framed([b""]) * 50_000


DAMAGES = [
    flipped, truncated, extended, cut_out, inserted, overwritten, replaced, another_length, another_record,
    another_record, many_empty_records,
]  # fmt: skip


def outcome(number, folder):
    """Read the files of a case as a training would begin to: the error, or None."""
    rng = np.random.default_rng(number)
    kind = str(rng.choice(KINDS))
    files = {part: framed([example(rng.integers(0, 2, E), kind) for _ in range(8)]) for part in "abc"}
    if number % 10:
        victim = "abc"[rng.integers(3)]
        files[victim] = DAMAGES[number % len(DAMAGES)](files[victim], rng)
    for part, content in files.items():
        (folder / part).write_bytes(content)
    shape = E if rng.random() < 0.9 else (100_000, 100_000)
    how = {"binarize": str(rng.choice(["none", "dynamic"])), "divide_by": float(rng.choice([1.0, 255.0]))}
    try:
        dataset = TFRecords(*(str(folder / part) for part in "abc"), shape=shape, dtype=kind, **how)
        dataset.info()
        data = dataset.load()
        for split in (data.train, data.validation, data.test):
            split.prepare(tf.constant(split.stored[:3]), tf.constant([0, 0]))
            split.stored[np.array([len(split) - 1])]
    except ProbvaeError as error:
        return error
    return None


@pytest.mark.parametrize("first", range(8))
def test_no_file_ends_in_a_traceback_or_in_much_memory(first, folder):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = [outcome(number, folder) for number in range(first, 96, 8)]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GIGABYTE
    assert any(outcomes)
    assert all(str(error).strip() for error in outcomes if error)


def test_files_without_damage_are_accepted(folder):
    assert not all(outcome(number, folder) for number in range(0, 50, 10))

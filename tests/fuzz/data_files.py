"""Data files that are wrong in ways that files are: a valid one of each format, and what may happen to it.

Each case is a function of its number alone. Damage knows the formats: headers that claim what is not there,
directories of archives that disagree with what they list, and bytes anywhere.
"""

import gzip
import hashlib
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from probvae.core import Dataset
from probvae.data import Arrays
from probvae.data.datasets.mnist import Mnist, MnistLike
from probvae.data.files.fetch import File

Rng = np.random.Generator


@dataclass(frozen=True)
class Case:
    """Files, and the dataset that is made of them.

    Args:
        name: its number, format and damage.
        files: their contents by name.
        dataset: makes the dataset, given the folder of the files.
    """

    name: str
    files: dict[str, bytes]
    dataset: Callable[[Path], Dataset]

    def read(self, folder: Path) -> None:
        """Write the files, and use the dataset as a training would begin to."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        dataset = self.dataset(folder)
        dataset.info()
        data = dataset.load()
        for split in (data.train, data.validation, data.test):
            split.prepare(tf.constant(split.stored[:3]), tf.constant([0, 0]))
            split.stored[np.array([len(split) - 1])]


def case(number: int) -> Case:
    """One of the cases; damage is left out of every tenth, which shows that the formats are understood."""
    rng = np.random.default_rng(number)
    kind = FORMATS[number % len(FORMATS)]
    made, damages = kind(rng)
    damage = None if rng.random() < 0.1 else damages[rng.integers(len(damages))]
    files = dict(made.files)
    if damage:
        victim = sorted(files)[rng.integers(len(files))]
        files[victim] = damage(files[victim], rng)
    name = f"{number} {kind.__name__}, {damage.__name__ if damage else 'no damage'}"
    return replace(made, name=name, files=files)


# Damage to any file


def flipped(content: bytes, rng: Rng) -> bytes:
    """Some bits, most of them where headers are."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        place = (
            min(int(rng.exponential(60)), len(content) - 1) if rng.random() < 0.6 else rng.integers(len(content))
        )
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def truncated(content: bytes, rng: Rng) -> bytes:
    return content[: rng.integers(len(content))]


def extended(content: bytes, rng: Rng) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 2000)))


def cut_out(content: bytes, rng: Rng) -> bytes:
    start = rng.integers(len(content))
    return content[:start] + content[start + rng.integers(1, 200) :]


def inserted(content: bytes, rng: Rng) -> bytes:
    start = rng.integers(len(content))
    return content[:start] + rng.bytes(int(rng.integers(1, 200))) + content[start:]


def overwritten(content: bytes, rng: Rng) -> bytes:
    """A few bytes by the largest or smallest ones, where lengths may be."""
    start, count = rng.integers(len(content)), int(rng.choice([1, 2, 4, 8]))
    return content[:start] + rng.choice([b"\xff", b"\0", b"\x7f"]) * count + content[start + count :]


def replaced(_: bytes, rng: Rng) -> bytes:
    """By a file of another kind."""
    return foreign_content(rng)


ANYWHERE = [flipped, truncated, extended, cut_out, inserted, overwritten, replaced]


# .npy


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, version=version)
    return content.getvalue()


def array(rng: Rng, count: int = 24) -> np.ndarray:
    shape = (count, *rng.integers(1, 6, rng.integers(1, 4)))
    dtype = rng.choice(["u1", "?", "<i2", ">i4", "<f2", "<f4", ">f8", "<f8", "u4", "longdouble"])
    values = np.zeros(shape, dtype)  # zeros in the padding of long doubles too
    values[...] = rng.integers(0, 2 if dtype == "?" else 200, shape)
    return np.asfortranarray(values) if rng.random() < 0.2 else values


def header(rng: Rng, shape: Any = None, descr: Any = None, text: str | None = None) -> bytes:
    """A .npy header that says anything."""
    fields = f"{{'descr': {descr or repr('<f4')}, 'fortran_order': False, 'shape': {shape or '(24, 3)'}, }}"
    content = (fields if text is None else text).encode("latin1", "replace")
    version = int(rng.integers(1, 3))
    length = struct.pack("<H" if version == 1 else "<I", min(len(content), 65535))
    return b"\x93NUMPY" + bytes([version, 0]) + length + content


SHAPES = [
    "(1000000000000, 28, 28)", "(-1, 5)", "(24, -3)", "(9223372036854775807, 9223372036854775807)", "()", "(24,)",
    "(0, 3)", "(24, 0)", "24", "(24.0, 3)", "('a', 3)", "[24, 3]", "None", "(True, 3)", f"({'1, ' * 40})",
    f"({'1' * 400}, 2)", f"(24, {'9' * 4400})", "(24, 3, 4294967296, 4294967296)", "((24, 3),)", "{}", "(1j, 2)",
    "(2000000000, 1)", "(1, 2000000000)", f"({'2, ' * 30})",
]  # fmt: skip
DESCRS = [
    "'O'", "'|O'", "'<U1000000000'", "'|V1000000000'", "'<U0'", "'|V0'", "'|S0'", "'<c8'", "'<M8[s]'", "'<m8'",
    "'f4, f8'", "[('a', '<f4')]", "[('a', 'O')]", "[('a', '<f4', (1000000, 1000000))]", "('<f4', (1000,))", "'x'",
    "''", "None", "5", "[[]]", "{}", "b'<f4'", "'<f4\\\\q'", "[('', '<f4'), ('', '<f4')]", "'<f16'", "'>f2'",
    "[('a', [('b', [('c', 'O')])])]", "'S2147483648'",
]  # fmt: skip
TEXTS = [
    "", "{", "(" * 5000, "[" * 900, "{'a': " * 400, "-" * 9000, "1" * 5000, "{'descr': '<f4'}", "'" + "a" * 20000,
    "{'descr': '<f4', 'fortran_order': 7, 'shape': (3, 3)}", "{[]: 1}", "\0" * 50, "\x80" * 50, "lambda: 0",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (24L, 3L), }", "__import__('os').getcwd()", "{**{}}", "1_0",
    "{'descr': '\\q', 'fortran_order': False, 'shape': (3, 3)}", "\n  x", "\t{}\n y", "{'descr' 'x': 1, 2}",
]  # fmt: skip


def another_shape(_: bytes, rng: Rng) -> bytes:
    return header(rng, shape=rng.choice(SHAPES)) + bytes(int(rng.integers(0, 2000)))


def another_type(_: bytes, rng: Rng) -> bytes:
    return header(rng, descr=rng.choice(DESCRS)) + bytes(int(rng.integers(0, 2000)))


def another_header(_: bytes, rng: Rng) -> bytes:
    return header(rng, text=rng.choice(TEXTS)) + bytes(int(rng.integers(0, 2000)))


def another_version(content: bytes, rng: Rng) -> bytes:
    return content[:6] + rng.bytes(2) + content[8:]


def odd_values(_: bytes, rng: Rng) -> bytes:
    values = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e-300, -5.0], (24, 3))
    return npy(values)


NPY = [another_shape, another_type, another_header, another_version, odd_values]


def of_arrays(files: dict[str, bytes], rng: Rng, train: str, **how: Any) -> Case:
    """A case of the dataset `arrays` with settings of all sorts."""
    how |= {
        "binarize": str(rng.choice(["none", "dynamic", "static"])),
        "divide_by": float(rng.choice([1, 255, 1000])),
    }
    how |= {"in_memory": bool(rng.random() < 0.5), "channel_axis": bool(rng.random() < 0.5)}
    how |= {"labels": "none" if rng.random() < 0.1 else "auto"}
    names = ("validation", "test", "train_labels")
    member = str(rng.choice([":train", ":meta", ":none"])) if train.endswith(".npz") and rng.random() < 0.2 else ""

    def dataset(folder: Path) -> Dataset:
        paths = {name: str(folder / value) for name, value in how.items() if name in names}
        return Arrays(str(folder / train) + member, **{**how, **paths})

    return Case("", files, dataset)


def npy_file(rng: Rng) -> tuple[Case, list[Any]]:
    version = [(1, 0), (2, 0), (3, 0)][rng.integers(3)]
    return of_arrays({"x.npy": npy(array(rng), version)}, rng, "x.npy"), ANYWHERE + 3 * NPY


def npy_files(rng: Rng) -> tuple[Case, list[Any]]:
    x = array(rng)
    files = {"x.npy": npy(x), "t.npy": npy(x[:5]), "v.npy": npy(x[:4])}
    return of_arrays(files, rng, "x.npy", validation="v.npy", test="t.npy"), ANYWHERE + 2 * NPY


def labels(rng: Rng) -> np.ndarray:
    values = rng.integers(0, 5, 24)
    kinds = ["i8", "u1", ">i2", "f4", "?", "U", "S", "f8", "c8", "U100"]
    found = values.astype(str(rng.choice(kinds)))
    return found[:, None] if rng.random() < 0.3 else found


def label_files(rng: Rng) -> tuple[Case, list[Any]]:
    files = {"x.npy": npy(rng.random((24, 3))), "y.npy": npy(labels(rng))}
    return of_arrays(files, rng, "x.npy", train_labels="y.npy"), ANYWHERE + 2 * NPY


# .npz


def archived(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, member in members.items():
            file.writestr(zipfile.ZipInfo(name), member, method)
    return content.getvalue()


_FIELDS = {"flags": (8, 2), "method": (10, 2), "checksum": (16, 4), "packed": (20, 4), "whole": (24, 4),
           "name": (28, 2), "extra": (30, 2), "comment": (32, 2), "place": (42, 4)}  # fmt: skip
"""Where the fields of an entry in an archive's directory are, and how long."""


def another_directory(content: bytes, rng: Rng) -> bytes:
    """A field of the directory that disagrees with the archive."""
    changed = bytearray(content)
    starts = [place for place in range(len(content)) if content.startswith(b"PK\x01\x02", place)]
    start = starts[rng.integers(len(starts))] if starts else 0
    for _ in range(rng.integers(1, 3)):
        place, length = _FIELDS[str(rng.choice([*_FIELDS]))]
        value = rng.choice([0, 1, 8, 12, 14, 99, 2**16 - 1, 2**31 - 1, 2**32 - 1, int(rng.integers(2**16))])
        changed[start + place : start + place + length] = int(value % 256**length).to_bytes(length, "little")
    return bytes(changed)


def another_member(_: bytes, rng: Rng) -> bytes:
    """A damaged .npy file in an archive that is whole."""
    damage = [*NPY, flipped, truncated][rng.integers(len(NPY) + 2)]
    members = {"train.npy": damage(npy(array(rng)), rng), "y_train.npy": npy(labels(rng))}
    return archived(members, int(rng.choice([0, 8, 12, 14])))


def odd_names(_: bytes, rng: Rng) -> bytes:
    x = npy(array(rng))
    names = [
        "../x.npy",
        "/x.npy",
        ".npy",
        "é\u202e.npy",
        "a\nb.npy",
        "x.npy.npy",
        "readme.txt",
        "x/",
        "a" * 60000 + ".npy",
    ]
    return archived({str(name): x for name in rng.choice(names, rng.integers(1, 4))})


def many_members(_: bytes, rng: Rng) -> bytes:
    return archived({f"{number}.npy": b"" for number in range(5000)})


def bomb(_: bytes, rng: Rng) -> bytes:
    """Half a gigabyte to three in a few kilobytes, or a directory that says so."""
    count, content = int(rng.integers(500, 3000)), io.BytesIO()
    if rng.random() < 0.8:  # zeros that were compressed once, repeated: the compressed stream itself is repetitive
        packed = _zeros(count)
        head = header(np.random.default_rng(0), shape=f"({count}, 250000)")
        return _raw_member("train.npy", head, packed, count * 10**6)
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file, file.open("train.npy", "w") as member:
        member.write(header(rng, shape="(200, 250000)"))
        for _block in range(200):
            member.write(bytes(10**6))
    return content.getvalue()


def _zeros(megabytes: int) -> bytes:
    """A DEFLATE stream of zeros, without its end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(10**6)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes


def _raw_member(name: str, head: bytes, packed: bytes, size: int) -> bytes:
    """An archive of one member that begins with a header, followed by a stream that is compressed already."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH) + packed + b"\x03\0"
    sizes = struct.pack("<3I", 0, len(stream), (len(head) + size) % 2**32)
    place = name.encode()
    local = struct.pack("<4s5H", b"PK\x03\x04", 20, 0, 8, 0, 0) + sizes + struct.pack("<2H", len(place), 0) + place
    entry = struct.pack("<4s6H", b"PK\x01\x02", 20, 20, 0, 8, 0, 0) + sizes
    entry += struct.pack("<5H2I", len(place), 0, 0, 0, 0, 0, 0) + place
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(local) + len(stream), 0)
    return local + stream + entry + end


NPZ = [another_directory, another_directory, another_member, another_member, odd_names, many_members, bomb]


def npz_file(rng: Rng) -> tuple[Case, list[Any]]:
    x = array(rng)
    members = {
        "train.npy": npy(x),
        "y_train.npy": npy(labels(rng)),
        "test.npy": npy(x[:6]),
        "meta.npy": npy(x[:1]),
    }
    content = archived(members, int(rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))
    return of_arrays({"x.npz": content}, rng, "x.npz"), ANYWHERE + 2 * NPZ


# IDX, as MNIST's


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def another_idx(content: bytes, rng: Rng) -> bytes:
    """A header that says another type, number or size of dimensions, under gzip or not."""
    packed = content.startswith(b"\x1f\x8b")
    changed = bytearray(gzip.decompress(content) if packed else content)
    place = int(rng.choice([2, 3, 4, 8, 12]))
    changed[place : place + (4 if place >= 4 else 1)] = rng.bytes(4 if place >= 4 else 1)
    return gzip.compress(bytes(changed), mtime=0) if packed else bytes(changed)


def gzip_bomb(_: bytes, rng: Rng) -> bytes:
    count = int(rng.integers(500, 3000))
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + _zeros(count) + b"\x03\0" + struct.pack("<2I", 0, 0)


def idx_files(rng: Rng) -> tuple[Case, list[Any]]:
    arrays = [rng.integers(0, 256, shape, np.uint8) for shape in ((30, 28, 28), (30,), (9, 28, 28), (9,))]
    contents = {file.name: idx(array) for file, array in zip(Mnist.source.files, arrays, strict=True)}
    known = rng.random() < 0.5  # whether the content's checksum is known, or the archive's
    described, files = [], {}
    for name, content in contents.items():
        packed = gzip.compress(content, mtime=0)
        sums = [hashlib.sha256(each).hexdigest() for each in (packed, content)]
        described.append(File(name, len(packed), sums[0], sums[1] if known else "", f"{name}.npz"))
        form = rng.integers(3)
        if form == 0:
            files[name] = packed
        elif form == 1:
            files[name.removesuffix(".gz")] = content
        else:
            array = np.frombuffer(content, np.uint8, offset=16 if "images" in name else 8)
            shape = (-1, 28, 28) if "images" in name else (-1,)
            files[f"{name}.npz"] = archived({"arr_0.npy": npy(array.reshape(shape))}, int(rng.choice([0, 8])))

    class Small(MnistLike):
        source = replace(Mnist.source, files=tuple(described), counts=(30, 9), held_out=5)

    def damaged(content: bytes, rng: Rng) -> bytes:
        if content.startswith(b"PK"):
            return NPZ[rng.integers(len(NPZ))](content, rng)
        return another_idx(content, rng)

    return Case("", files, lambda folder: Small(folder=str(folder))), [
        *ANYWHERE,
        damaged,
        damaged,
        damaged,
        gzip_bomb,
    ]


# Files of other kinds


def foreign_content(rng: Rng) -> bytes:
    """The beginning of a file of another kind, with anything after it."""
    heads = [
        b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"II*\0", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WAVE",
        b"\x89HDF\r\n\x1a\n", b"PAR1", b"ARROW1\0\0", b"MATLAB 5.0 MAT-file", b"SIMPLE  =", b"CDF\x01",
        b"SQLite format 3\0", b"%PDF", b"BZh91", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c",
        b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html>", b"<?xml version='1.0'?>", b"{\"a\": ",
        b"1,2,3\n4,5,6\n", b"a\tb\n1\t2\n", b"", b"\0" * 300, b"\x1f\x8b", b"\x1f\x8b\x08\0", b"PK\x03\x04",
        b"PK\x05\x06" + bytes(18), b"\x93NUMPY", b"\x80\x04", b"\0\0\x08\x03", b"\0\0\x0d\x01\0\0\0\x02",
        b"\xff\xfe", (3000).to_bytes(8, "little") + b"crc.\x0a\xb5\x17",
    ]  # fmt: skip
    whole = [
        pickle.dumps([*range(9)]), json.dumps([[1, 2], [3, 4]]).encode(),
        gzip.compress(gzip.compress(b"a" * 99, mtime=0), mtime=0),
        archived({"archive/data.pkl": pickle.dumps(1)}), archived({"xl/workbook.xml": b""}), archived({}),
        archived({"a.csv": b"1"}), npy(np.array([[None]], object)),
        "é,ü\n1,2\n".encode("utf-16"), ("1 " * 5000 + "\n").encode() * 3, b"\n" * 5000, "\u202e".encode() * 2000,
        gzip.compress(idx(np.zeros((2, 3), np.uint8)), mtime=0),
    ]  # fmt: skip
    if rng.random() < 0.4:
        return whole[rng.integers(len(whole))]
    return heads[rng.integers(len(heads))] + rng.bytes(int(rng.integers(0, 5000)))


def foreign_file(rng: Rng) -> tuple[Case, list[Any]]:
    name = str(rng.choice(["x.npy", "x.npz", "x.dat"]))
    made = of_arrays({name: foreign_content(rng) or b"x"}, rng, name)
    return made, [lambda content, rng: flipped(content or b"x", rng)]


FORMATS = [npy_file, npz_file, idx_files, label_files, npy_files, npz_file, foreign_file]

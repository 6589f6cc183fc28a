"""TFRecord files: their names, and the positions of their records. This uses no TensorFlow."""

from __future__ import annotations

import glob
import os
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from probvae import Array, ConfigError, DataError

# A record is the length of its content (8 bytes), a checksum of the length (4), the content, and its checksum (4).
_HEADER = struct.Struct("<QI")
_FOOTER = 4


@dataclass(frozen=True)
class Shard:
    """A TFRecord file.

    Args:
        path: its path.
        bounds: int64 [N + 1], the position at which each of its N records begins, and the end of the last one.
    """

    path: Path
    bounds: Array

    @classmethod
    def open(cls, path: Path) -> Shard:
        """A file as it is now, with its records found by their headers; their contents are skipped.

        Raises:
            DataError: it is damaged, truncated or gone.
        """
        bounds, end = array("q", [0]), 0
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                while end < size:
                    header = file.read(_HEADER.size)
                    problem = _problem(header, size - end)
                    if problem:
                        raise DataError(
                            f"{path}: {problem} at byte {end:,} (record {len(bounds) - 1}). {_REPLACE}"
                        )
                    end += _HEADER.size + _HEADER.unpack(header)[0] + _FOOTER
                    file.seek(end)
                    bounds.append(end)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
        return cls(path, np.array(bounds, np.int64))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def lengths(self) -> Array:
        """The bytes of each record's content: int64 [N]."""
        return np.diff(self.bounds) - (_HEADER.size + _FOOTER)

    def records(self, which: Sequence[int]) -> list[bytes]:
        """The contents of some records; their checksums are not compared.

        Raises:
            DataError: the file is shorter than it was, or gone.
        """
        found = []
        try:
            with open(self.path, "rb") as file:
                for number in which:
                    start, stop = int(self.bounds[number]) + _HEADER.size, int(self.bounds[number + 1]) - _FOOTER
                    file.seek(start)
                    found.append(file.read(stop - start))
                    if len(found[-1]) < stop - start:
                        raise DataError(f"{self.path}: truncated since it was opened. {_REPLACE}")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror or error}).") from error
        return found


_REPLACE = "Replace the file."


def find(patterns: Sequence[str], place: str) -> list[Path]:
    """The files of the patterns, in the order of the patterns and of the names, each once.

    Args:
        patterns: paths, with `*`, `?`, `[...]` and `**` as in a shell.
        place: the key of the spec that holds them, as `data.train`, for errors.

    Raises:
        ConfigError: a pattern names no file.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        whole = os.path.abspath(os.path.expanduser(pattern))
        files = [Path(name) for name in sorted(glob.glob(whole, recursive=True)) if os.path.isfile(name)]
        if not (pattern and files):
            expected = "the name of a TFRecord file or a pattern of some, as train-*.tfrecord"
            raise ConfigError.of(place, expected, f"no file {whole}")
        found |= dict.fromkeys(files)
    if not found:
        raise ConfigError.of(place, "at least one TFRecord file", "none")
    return list(found)


def is_tfrecord(file: BinaryIO) -> bool:
    """Whether an open file is empty or begins with the header of a record."""
    header = file.read(_HEADER.size)
    return not header or _problem(header, _FOOTER) in ("", _CUT)


_CUT = "truncated inside a record"


def _problem(header: bytes, left: int) -> str:
    """What is wrong with a header, from which on `left` bytes of the file are left; "" if nothing is."""
    if len(header) < _HEADER.size:
        return "truncated inside a header"
    length, checksum = _HEADER.unpack(header)
    if checksum != _checksum(header[:8]):
        return "a header that is damaged"
    return _CUT if _HEADER.size + length + _FOOTER > left else ""


@lru_cache(4096)  # most records of a dataset have one length
def _checksum(content: bytes) -> int:
    """The masked CRC-32C of a few bytes."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

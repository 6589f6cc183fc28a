"""The array of a .npy file, read as needed: for data that does not fit in memory."""

from __future__ import annotations

import math
import os
import threading
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from probvae.core import Array, DType, Rows
from probvae.data.files.npy import Header
from probvae.errors import DataError


class File:
    """A file that is read at any place, by several threads at once.

    It is read, not mapped into memory: pages of a map stay with the process until it returns them, and reading one
    brings as many of its neighbours as the system likes.

    Args:
        path: its name, for messages.
        file: the open file; it may be closed afterwards.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.size = os.fstat(file.fileno()).st_size
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._advise("POSIX_FADV_RANDOM", [(0, 0)])  # no neighbours: of random rows they are of no use

    def read(self, spans: list[tuple[int, int]]) -> bytes:
        """The bytes of spans, (start, length) each; all are requested before the first is read.

        Raises:
            DataError: the file has become shorter than it was, or the disk fails.
        """
        try:
            self._advise("POSIX_FADV_WILLNEED", spans)
            content = b"".join([_pread(self._descriptor, length, start) for start, length in spans])
            if len(content) < sum(length for _, length in spans):
                content = b"".join([self._whole(start, length) for start, length in spans])
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read any more ({error.strerror or error}).") from error
        return content

    def _whole(self, start: int, length: int) -> bytes:
        """The bytes of a span of which the system returns fewer at once."""
        parts, end = [], start + length
        while start < end:
            part = _pread(self._descriptor, end - start, start)
            if not part:
                raise DataError(
                    f"{self.path}: expected {self.size:,} bytes, as when it was opened; got "
                    f"{os.fstat(self._descriptor).st_size:,}. It must stay as it is while it is in use."
                )
            parts.append(part)
            start += len(part)
        return b"".join(parts)

    def _advise(self, advice: str, spans: list[tuple[int, int]]) -> None:
        if hasattr(os, "posix_fadvise"):  # not on Windows and macOS
            wanted = getattr(os, advice)
            for start, length in spans:
                os.posix_fadvise(self._descriptor, start, length, wanted)


def _seek_and_read(descriptor: int, length: int, start: int) -> bytes:
    """`os.pread`, where the system has none: on Windows."""
    with _SEEKING:
        os.lseek(descriptor, start, os.SEEK_SET)
        return os.read(descriptor, length)


_SEEKING = threading.Lock()
_pread = getattr(os, "pread", _seek_and_read)


@dataclass(frozen=True, repr=False)
class OnDisk:
    """Rows of the array in a .npy file, as `ArrayLike`: the requested rows are read and copied, and nothing else.

    The file must stay as it is while it is in use.

    Args:
        file: the file.
        offset: the position of the first row in it, in bytes.
        count: N, the number of its rows.
        raw: the type of the numbers in the file.
        event_shape: E, the shape of a row.
        dtype: the type of the rows when read.
        rows: the numbers of M of the N rows, integers [M]; None for all of them.
    """

    file: File
    offset: int
    count: int
    raw: DType
    event_shape: tuple[int, ...]
    dtype: DType
    rows: Array | None = None

    @classmethod
    def open(cls, path: Path, file: BinaryIO, header: Header) -> OnDisk:
        """All rows of a .npy file.

        Args:
            path: its name, for messages.
            file: the file, open.
            header: its header; the array is in it row after row.
        """
        shape, _, dtype, start = header
        return cls(File(path, file), start, shape[0], dtype, shape[1:], plain(dtype))

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, *E]."""
        return self.count if self.rows is None else len(self.rows), *self.event_shape

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<OnDisk {self.file.path}: {self.dtype} {list(self.shape)}>"

    def __getitem__(self, which: Rows) -> Array:
        if self.rows is not None:
            which = self.rows[which]
        elif isinstance(which, slice):
            which = np.arange(*which.indices(self.count))
        size = self.raw.itemsize * math.prod(self.event_shape)
        starts, lengths = _runs(which)
        spans = [*zip((self.offset + size * starts).tolist(), (size * lengths).tolist(), strict=True)]
        content = self.file.read(spans)
        return np.frombuffer(content, self.raw).astype(self.dtype).reshape(-1, *self.event_shape)

    def part(self, rows: Array) -> OnDisk:
        """Some of the rows, still in the file."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def as_events(self, event_shape: tuple[int, ...]) -> OnDisk:
        """The same rows in another shape, as [H, W, 1] for [H, W]."""
        return replace(self, event_shape=event_shape)


def plain(dtype: DType) -> DType:
    """TensorFlow's type for a file's: it supports neither foreign byte orders nor long doubles."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype(np.float64)
    return dtype.newbyteorder("=")


def _runs(rows: Array) -> tuple[Array, Array]:
    """The firsts and the lengths of runs of successive numbers."""
    firsts = np.flatnonzero(np.diff(rows, prepend=rows[:1] - 2) != 1)
    return rows[firsts], np.diff(firsts, append=len(rows))

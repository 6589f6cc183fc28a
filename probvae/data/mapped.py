"""The array of a .npy file, read as needed: for data that does not fit in memory."""

from __future__ import annotations

import contextlib
import math
import mmap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from probvae.core import Array
from probvae.data.refusal import refuse

# Pages that were read stay resident until they are given back. That costs a walk over all of the file's page
# tables, so it is done once for so many bytes; of a row it counts the pages around it too, which Linux adds.
_RESIDENT = 256 * 2**20
_AROUND = 64 * 2**10

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Memory:
    """A file as memory, to be read in any order: its pages come when they are touched and go soon after.

    Where the system takes no such advice, they go when it needs the memory.

    Args:
        file: the open file; it may be closed afterwards.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._mmap = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._touched = 0
        self._advise("MADV_RANDOM", 0, len(self._mmap))  # no neighbours: of random rows they are of no use

    def __len__(self) -> int:
        return len(self._mmap)

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int) -> Array:
        """A view [N, *E] on the file."""
        return np.ndarray(shape, dtype, buffer=self._mmap, offset=offset)

    def wanted(self, start: int, length: int) -> None:
        """Have some bytes read while others still are."""
        self._advise("MADV_WILLNEED", start, length)

    def touched(self, length: int) -> None:
        """Count bytes that were read, and give everything back once these are many."""
        self._touched += length
        if self._touched > _RESIDENT:
            self._touched = 0
            self._advise("MADV_DONTNEED", 0, len(self._mmap))

    def _advise(self, advice: str, start: int, length: int) -> None:
        option = getattr(mmap, advice, None)  # neither advice nor madvise is everywhere
        if option is not None and length:
            page = start % mmap.PAGESIZE
            with contextlib.suppress(OSError):
                self._mmap.madvise(option, start - page, length + page)


@dataclass(frozen=True)
class Mapped:
    """Rows of the array in a .npy file, as `Stored`: what is asked for is read and copied, and nothing else.

    The file must stay as it is while it is in use.

    Args:
        memory: the file.
        offset: where in it the first row begins, in bytes.
        raw: [N, *F], a view on the file in the type that the file has.
        event_shape: E, what the shape F of a row is taken for, with as many elements.
        dtype: the type that rows are given in.
        rows: which of the N rows, integers [M]; None for all of them.
    """

    memory: Memory
    offset: int
    raw: Array
    event_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rows: Array | None = None

    @classmethod
    def open(cls, path: Path, file: BinaryIO, parameter: str) -> Mapped:
        """All rows of a .npy file.

        Args:
            path: its name, for messages.
            file: the file, open and at its start.
            parameter: the parameter of the dataset that names it.

        Raises:
            ConfigError: its array is not one of numbers, row after row, or the file is too short for it.
            ValueError: it is no .npy file.
        """
        version = npy.read_magic(file)
        if version not in _HEADERS:
            found = f"version {'.'.join(map(str, version))} in {path}"
            refuse(parameter, "a .npy file of version 1.0 or 2.0, as numpy.save writes for numbers", found)
        shape, by_columns, dtype = _HEADERS[version](file)
        if dtype.kind not in "biuf":
            refuse(parameter, "an array of real numbers", f"{dtype} in {path}")
        if by_columns:
            hint = "Save numpy.ascontiguousarray(array), or set data.memory_map = false."
            refuse(parameter, "an array that lies in its file row after row", f"Fortran's order in {path}", hint)
        memory, offset = Memory(file), file.tell()
        if len(memory) < (needed := offset + math.prod(shape) * dtype.itemsize):
            refuse(
                parameter, f"{needed:,} bytes in {path}", f"{len(memory):,}", "The file is truncated: replace it."
            )
        return cls(memory, offset, memory.array(shape, dtype, offset), shape[1:], plain(dtype))

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, *E]."""
        return *(self.raw if self.rows is None else self.rows).shape[:1], *self.event_shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: Any) -> Array:
        rows = which if self.rows is None else self.rows[which]
        if isinstance(rows, slice):
            taken = range(len(self.raw))[rows]
            spans = [(min(taken[0], taken[-1]), max(taken[0], taken[-1]) + 1)] if taken else []
        else:
            spans = [(row, row + 1) for row in rows.tolist()]
        size = self.raw.itemsize * math.prod(self.event_shape)
        for start, stop in spans:
            self.memory.wanted(self.offset + start * size, (stop - start) * size)
        found = np.array(self.raw[rows], self.dtype)
        self.memory.touched(found.nbytes + len(spans) * _AROUND)
        return found.reshape(-1, *self.event_shape)

    def part(self, rows: Array) -> Mapped:
        """Some of the rows, still in the file."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def as_events(self, event_shape: tuple[int, ...]) -> Mapped:
        """The same rows in another shape, as [H, W, 1] for [H, W]."""
        return replace(self, event_shape=event_shape)


def plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that TensorFlow has for a file's: it knows neither foreign byte orders nor long doubles."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype(np.float64)
    return dtype.newbyteorder("=")

"""The header of a .npy file: the shape and type of its array, checked before anything is allocated for it."""

from __future__ import annotations

import math
import warnings
from contextlib import AbstractContextManager
from typing import IO, NamedTuple

from numpy.lib import format as npy

from probvae.core import Array, DType, readable

_READERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
    (3, 0): npy.read_array_header_2_0,  # differs in the names of fields, which numbers do not have
}
_MOST_DIMENSIONS = 32


class Header(NamedTuple):
    """The header of a .npy file.

    Args:
        shape: the shape of the array.
        by_columns: whether it is in Fortran's order.
        dtype: the type of its elements, in the file.
        start: the position of the array, in bytes.
    """

    shape: tuple[int, ...]
    by_columns: bool
    dtype: DType
    start: int

    @property
    def size(self) -> int:
        """The bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def of(self) -> str:
        """The type of the elements, in words."""
        return "text" if self.dtype.kind in "SU" else str(self.dtype)

    def __str__(self) -> str:
        return f"{self.of} {list(self.shape)}"


def read_header(file: IO[bytes], length: int) -> Header:
    """The header of an open .npy file, which is left at the start of its array.

    Args:
        file: the file, at its start.
        length: the number of its bytes, or that of the expanded file.

    Raises:
        ValueError: it is damaged, or the file is too short for its array.
    """
    version = npy.read_magic(file)
    if version not in _READERS:
        raise ValueError(f"version {'.'.join(map(str, version))} of the format, of which 1.0 to 3.0 are known")
    try:
        with _quiet():
            shape, by_columns, dtype = _READERS[version](file)
        start = file.tell()
    except Exception as error:  # numpy parses the header as Python, and anything may be written in it
        raise ValueError("its header cannot be read") from error
    if len(shape) > _MOST_DIMENSIONS or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise ValueError("its header says a shape that no array has")
    header = Header(shape, by_columns, dtype, start)
    if not dtype.hasobject and start + header.size > length:
        needed = readable(start + header.size)
        raise ValueError(f"its header says {header}, which takes {needed}, and the file has {readable(length)}")
    return header


def read_array(file: IO[bytes]) -> Array:
    """The array of an open .npy file whose header was checked.

    Raises:
        ValueError: the file ends before the array does.
    """
    with _quiet():
        array: Array = npy.read_array(file, allow_pickle=False)
    file.read(1)  # of an archive's member: to its end, where the checksum is compared
    return array


def _quiet() -> AbstractContextManager[object]:
    """Without warnings: of headers that Python 2 wrote, of odd signs in their strings."""
    return warnings.catch_warnings(action="ignore")

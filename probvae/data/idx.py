"""IDX, the format of MNIST and its relatives: a magic number, the dimensions, then the bytes."""

from __future__ import annotations

import math
import struct

import numpy as np
import numpy.typing as npt

from probvae.errors import DataError


def read_idx(content: bytes, shape: tuple[int, ...], name: str) -> npt.NDArray[np.uint8]:
    """The unsigned bytes of an IDX file as an array of the shape that is expected of it.

    Args:
        content: the file, decompressed.
        shape: what its header must say.
        name: what to call the file in an error.

    Raises:
        DataError: the magic number, the dimensions or the length are others.
    """
    magic = bytes([0, 0, 8, len(shape)])  # 8: unsigned bytes
    if content[:4] != magic:
        raise DataError(
            f"{name}: expected an IDX file of unsigned bytes with {len(shape)} dimensions (magic number "
            f"{magic.hex()}); found {content[:4].hex() or 'an empty file'}."
        )
    header = struct.Struct(f">{len(shape)}I")
    start = len(magic) + header.size
    expected = start + math.prod(shape)
    if len(content) >= start and (found := header.unpack_from(content, len(magic))) != shape:
        raise DataError(f"{name}: expected dimensions {list(shape)}; found {list(found)}.")
    if len(content) != expected:
        raise DataError(f"{name}: expected {expected:,} bytes; found {len(content):,}.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)

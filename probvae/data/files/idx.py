"""IDX, the format of MNIST and its relatives: a magic number, the dimensions, then the bytes."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from probvae.data.files.kinds import kind_of
from probvae.errors import DataError


def idx_length(shape: tuple[int, ...]) -> int:
    """The bytes of an IDX file of unsigned bytes."""
    return 4 + 4 * len(shape) + math.prod(shape)


def read_idx(content: bytes, shape: tuple[int, ...], name: str) -> npt.NDArray[np.uint8]:
    """The unsigned bytes of an IDX file as an array of the expected shape.

    Args:
        content: the file, decompressed.
        shape: the shape that its header must have.
        name: the name of the file in errors.

    Raises:
        DataError: the magic number, the dimensions or the length differ.
    """
    magic = bytes([0, 0, 8, len(shape)])  # 8: unsigned bytes
    if content[:4] != magic:
        kind = kind_of(Path(name), io.BytesIO(content)).what
        raise DataError(
            f"{name}: expected an IDX file of unsigned bytes with {len(shape)} dimensions (magic number "
            f"{magic.hex()}); got {content[:4].hex()}{', ' * bool(content)}{kind}."
        )
    header = struct.Struct(f">{len(shape)}I")
    start = len(magic) + header.size
    expected = idx_length(shape)
    if len(content) >= start and (found := header.unpack_from(content, len(magic))) != shape:
        raise DataError(f"{name}: expected dimensions {list(shape)}; got {list(found)}.")
    if len(content) != expected:
        more = " or more" * (len(content) > expected)  # no more is read than shows that it is too much
        raise DataError(f"{name}: expected {expected:,} bytes; got {len(content):,}{more}.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)

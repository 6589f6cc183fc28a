import struct

import numpy as np
import pytest

from probvae.data.files.idx import read_idx
from probvae.errors import DataError

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx(array):
    """An array as an IDX file."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_an_array_survives_the_round_trip():
    np.testing.assert_array_equal(read_idx(idx(ARRAY), (2, 3, 4), "a"), ARRAY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"PK\x03\x04", "magic number 00000803.*got 504b0304"),
        (idx(ARRAY[0]), "3 dimensions.*got 00000802"),
        (idx(ARRAY)[:10], "expected 40 bytes; got 10"),
        (idx(ARRAY)[:-1], "expected 40 bytes; got 39"),
        (idx(ARRAY) + b"\0", "expected 40 bytes; got 41"),
        (idx(ARRAY[:1]), r"expected dimensions \[2, 3, 4\]; got \[1, 3, 4\]"),
    ],
)
def test_the_error_says_what_is_wrong_with_a_file(content, message):
    with pytest.raises(DataError, match=f"^a.gz: .*{message}"):
        read_idx(content, (2, 3, 4), "a.gz")

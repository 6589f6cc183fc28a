"""Sparse matrices in .npz files, as `scipy.sparse.save_npz` writes them: sparse in memory, dense row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from probvae.core import Array, DType, Rows
from probvae.data.files.array_files import ArrayFile, shown
from probvae.data.files.npy import Header
from probvae.data.files.on_disk import plain
from probvae.errors import ConfigError

_KEYS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
}
"""The arrays of a matrix by its format, besides `format` and `shape`."""
_MOST = 2**20  # bytes of the name of a format, or of a shape


@dataclass(frozen=True, repr=False)
class SparseRows:
    """The rows of a sparse matrix [N, n], dense when they are read: an `ArrayLike`.

    Args:
        values: its values other than 0, row after row.
        columns: the column of each of them.
        starts: the place of the first value of each row, and the number of all values: [N + 1].
        width: n.
        rows: the numbers of M of the N rows, integers [M]; None for all of them.
    """

    values: Array
    columns: Array
    starts: Array
    width: int
    rows: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, n]."""
        return len(self.starts) - 1 if self.rows is None else len(self.rows), self.width

    @property
    def dtype(self) -> DType:
        """The type of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<SparseRows: {self.dtype} {list(self.shape)}>"

    def __getitem__(self, which: Rows) -> Array:
        rows = np.arange(len(self))[which] if self.rows is None else self.rows[which]
        starts, counts = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        before = np.cumsum(counts) - counts  # how many values the rows before have
        places = np.repeat(starts - before, counts) + np.arange(counts.sum())
        dense = np.zeros((len(rows), self.width), self.dtype)
        np.add.at(dense, (np.repeat(np.arange(len(rows)), counts), self.columns[places]), self.values[places])
        return dense

    def part(self, rows: Array) -> SparseRows:
        """Some of the rows."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def with_columns(self, columns: Array) -> SparseRows:
        """The same rows with some of the columns, in this order; the others are dropped from memory."""
        place = np.full(self.width, -1)
        place[columns] = np.arange(len(columns))
        kept = place[self.columns] >= 0
        starts = np.append(0, np.cumsum(kept))[self.starts]
        return replace(
            self,
            values=self.values[kept],
            columns=place[self.columns[kept]],
            starts=starts,
            width=len(columns),
        )


def sparse_rows(form: str, shape: tuple[int, ...], data: Array, first: Array, second: Array) -> SparseRows:
    """A sparse matrix from the arrays of its format.

    Args:
        form: csr, csc or coo.
        shape: [N, n].
        data: its values.
        first: indices, or of coo the rows.
        second: indptr, or of coo the columns.

    Raises:
        ValueError: the arrays do not fit together; says what is wrong with them, as "has values outside".
    """
    N, n = shape
    if data.ndim != 1 or any(array.ndim != 1 or array.dtype.kind not in "iu" for array in (first, second)):
        raise ValueError("has indices that are not lists of integers")
    first, second = (array.astype(np.int64) if array.dtype.kind == "u" else array for array in (first, second))
    data = data.astype(plain(data.dtype), copy=False)
    if form == "csr":
        _check_starts(second, len(first), N)
        _check_places((N, n), data, columns=first)
        return SparseRows(data, first, second.astype(np.int64, copy=False), n)
    if form == "csc":
        _check_starts(second, len(first), n)
        second = np.repeat(np.arange(n), np.diff(second))  # the column of each value
    _check_places((N, n), data, columns=second, rows=first)
    order = np.argsort(first, kind="stable")
    starts = np.searchsorted(first, np.arange(N + 1), sorter=order)
    return SparseRows(data[order], second[order], starts, n)


def _check_starts(starts: Array, count: int, groups: int) -> None:
    """Check where the values of each row or column start; `groups` is the number of rows or columns."""
    counts = np.diff(starts)
    if len(counts) != groups or starts[0] != 0 or starts[-1] != count or (counts < 0).any():
        raise ValueError(f"has an indptr that is not of {groups} rows or columns")


def _check_places(shape: tuple[int, int], data: Array, columns: Array, rows: Array | None = None) -> None:
    """Check the row and the column of each value."""
    for places, size in ((columns, shape[1]), (rows, shape[0])):
        if places is not None and not (len(places) == len(data) and _within(places, size)):
            raise ValueError(f"has values outside of a matrix {[*shape]}")


def _within(indices: Array, size: int) -> bool:
    return not len(indices) or (int(indices.min()) >= 0 and int(indices.max()) < size)


@dataclass(frozen=True)
class SparseFile:
    """A sparse matrix in a file, not read yet; it has what a `FileArray` has.

    Args:
        file: the file.
        format: csr, csc or coo.
        header: the shape of the matrix and the type of its values.
    """

    file: ArrayFile
    format: str
    header: Header

    @classmethod
    def of(cls, file: ArrayFile) -> SparseFile | None:
        """The matrix in a file; None if it has other arrays.

        Raises:
            ConfigError: it has another format, lacks an array, or is damaged.
        """
        if not {"format", "shape", "data"} <= set(file.names):
            return None
        name, shape = (file.array(key) for key in ("format", "shape"))
        if name.header.dtype.kind not in "SU" or max(name.header.size, shape.header.size) > _MOST:
            return None
        text = np.asarray(name.read(), np.str_).reshape(-1)
        form = str(text[0]) if len(text) else ""
        if form not in _KEYS:
            fix = "Save it by rows: scipy.sparse.save_npz(file, matrix.tocsr())."
            raise ConfigError.of(
                file.place, "a sparse matrix by rows", f"{file.path} in the format {shown(form)}", fix
            )
        if missing := [key for key in _KEYS[form] if key not in file.names]:
            _refuse(file, f"lacks {', '.join(missing)}")
        sizes = shape.read().reshape(-1).tolist()
        if len(sizes) != 2 or not all(type(size) is int and 0 <= size < 2**62 for size in sizes):
            _refuse(file, "has a shape that no matrix has")
        return cls(file, form, Header(tuple(sizes), False, file.array("data").header.dtype, 0))

    def __str__(self) -> str:
        return f"the sparse matrix of {self.file.path}, {self.header}"

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of its arrays."""
        return *_KEYS[self.format], "format", "shape", "_is_array"

    @property
    def size(self) -> int:
        """The bytes that it takes in memory."""
        return sum(self.file.array(key).header.size for key in _KEYS[self.format]) + 8 * self.header.shape[0]

    def read(self) -> SparseRows:
        """The matrix, in memory.

        Raises:
            ConfigError: its arrays do not fit together.
        """
        data, first, second = (self.file.array(key).read() for key in _KEYS[self.format])
        try:
            return sparse_rows(self.format, self.header.shape, data, first, second)
        except ConfigError:  # a ValueError too
            raise
        except ValueError as error:
            _refuse(self.file, str(error))


def _refuse(file: ArrayFile, what: str) -> NoReturn:
    fix = "Write it again: scipy.sparse.save_npz(file, matrix)."
    expected = "a sparse matrix, as scipy.sparse.save_npz writes it"
    raise ConfigError.of(file.place, expected, f"{file.path}, which {what}", fix)

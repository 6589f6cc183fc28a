"""AnnData files (.h5ad): a matrix of observations by variables and the columns of obs, read by h5py.

The layout is that of anndata 0.8 and later: each group and each array says by its attribute `encoding-type` what
it is (Virshup et al., anndata: Access and store annotated data matrices, 2024). Links to other files are refused.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np

from probvae.core import Array, readable
from probvae.data.files.array_files import EXPAND_AT_MOST, LARGE, listed, shown
from probvae.data.files.kinds import HDF5, kind_at
from probvae.data.files.npy import Header
from probvae.data.files.on_disk import plain
from probvae.data.files.sparse import SparseRows, sparse_rows
from probvae.data.files.tables import Frame, pandas
from probvae.errors import ConfigError, UserError

_EXPECTED = "an AnnData file (.h5ad)"
_REWRITE = "Write it again by anndata 0.8 or later: anndata.read_h5ad(file).write_h5ad(new)."
_SPARSE = {"csr_matrix": "csr", "csc_matrix": "csc"}

_Node: TypeAlias = Any  # a h5py.Group or h5py.Dataset


class _LayoutError(Exception):
    """Something in a file is not as anndata writes it."""


@dataclass(frozen=True)
class H5ad:
    """An AnnData file whose matrix is not read yet.

    Args:
        place: the key of the spec that names it, as `data.train`, for errors.
        path: its path.
        layer: the name of the layer that is its matrix; "" for X.
        form: the format of the matrix: csr or csc; "" if it is dense.
        header: the shape [N, n] and the type of the matrix.
        size: the bytes that the matrix takes in memory.
        variables: the names of its columns.
    """

    place: str
    path: Path
    layer: str
    form: str
    header: Header
    size: int
    variables: tuple[str, ...]

    @classmethod
    def at(cls, text: str, place: str, layer: str) -> H5ad:
        """The file that a key of a spec names.

        Args:
            text: its path.
            place: the key.
            layer: the layer to use as the matrix; "" for X.

        Raises:
            ConfigError: there is none, or it is of another kind, is damaged, or has no such layer.
        """
        path = Path(os.path.expanduser(text))  # Path.expanduser may raise
        with _opened(path, place) as file:
            matrix = _matrix(file, path, layer)
            form, header, size = _described(matrix)
            variables = tuple(_index(file, "var"))
            count = _length(file, "obs")
        if header.shape != (count, len(variables)):
            found = f"{header} in {path}, with {count} names in obs and {len(variables)} in var"
            raise ConfigError.of(place, "a matrix of obs by var", found, _REWRITE)
        if header.dtype.kind not in "biuf" or 0 in header.shape:
            expected = "a matrix of real numbers [N, n], N and n above 0"
            raise ConfigError.of(place, expected, f"{header} in {path}")
        return cls(place, path, layer, form, header, size, variables)

    def __str__(self) -> str:
        name = f"the layer {shown(self.layer)}" if self.layer else "X"
        return f"{name} of {self.path}, {'sparse ' if self.form else ''}{self.header}"

    def read(self) -> Array | SparseRows:
        """The matrix, in memory; a sparse one stays sparse.

        Raises:
            ConfigError: it is damaged.
        """
        with _opened(self.path, self.place) as file:
            matrix = _matrix(file, self.path, self.layer)
            if not self.form:
                stored: Array = matrix[:]
                return stored.astype(plain(stored.dtype), copy=False)
            arrays = [_child(matrix, name)[:] for name in ("data", "indices", "indptr")]
            try:
                return sparse_rows(self.form, self.header.shape, *arrays)
            except ValueError as error:
                raise _LayoutError(f"it {error}") from error

    def names(self) -> Array:
        """The names of the rows: text [N]."""
        with _opened(self.path, self.place) as file:
            return np.array(_index(file, "obs"), np.str_)

    def obs(self, wanted: Mapping[str, Sequence[str]]) -> Frame:
        """Columns of obs, as a pandas.DataFrame.

        Args:
            wanted: the names of the columns, by the keys of the spec that name them.

        Raises:
            ConfigError: there is no such column, or it is of a type that cannot be used.
            UserError: pandas is not installed.
        """
        pd, columns = pandas(), {}
        with _opened(self.path, self.place) as file:
            obs = _child(file, "obs")
            known = [name for name in obs if name != _text(obs.attrs.get("_index"))]
            for key, names in wanted.items():
                for name in names:
                    if name not in known:
                        raise _not_found(f"data.{key}", "column of obs", name, known, self.path)
                    columns[name] = column = _column(_child(obs, name), pd)
                    if len(column) != self.header.shape[0]:
                        raise _LayoutError(f"obs has {len(column):,} values of {shown(name)}")
            return pd.DataFrame(columns)


@contextmanager
def _opened(path: Path, place: str) -> Iterator[h5py.File]:
    """The file, open; what h5py raises becomes an error that says what is wrong with it."""
    try:
        kind = kind_at(path)
        if kind.what != HDF5:
            raise ConfigError.of(place, _EXPECTED, f"{path}, which is {kind.what}", kind.advice)
        with h5py.File(path, "r") as file:
            yield file
    except (UserError, MemoryError):
        raise
    except FileNotFoundError:
        raise ConfigError.of(place, _EXPECTED, f"no file {path.absolute()}") from None
    except _LayoutError as error:
        raise ConfigError.of(place, _EXPECTED, f"{path}, in which {error}", _REWRITE) from error
    except Exception as error:  # on a damaged file, h5py raises anything
        reason = " ".join(str(error).split())
        raise ConfigError.of(place, _EXPECTED, f"{path}, which cannot be read: {reason}", "Replace it.") from error


def _child(group: _Node, name: str) -> _Node:
    """What a group has under a name: an array or a group of the file itself.

    Raises:
        _LayoutError: there is none, or it is in another file.
    """
    if not isinstance(group, h5py.Group) or name not in group.keys():  # noqa: SIM118 - `in` follows paths
        raise _LayoutError(f"{group.name} has no {shown(name)}")
    node = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
    if node is None or (isinstance(node, h5py.Dataset) and (node.is_virtual or node.external)):
        raise _LayoutError(f"{shown(name)} is a link to another place")
    if isinstance(node, h5py.Dataset):
        _check_expansion(node)
    return node


def _check_expansion(array: _Node) -> None:
    """Raise for an array that expands as no data does: parts that are not in the file take no place in it."""
    whole = math.prod(array.shape or ()) * array.dtype.itemsize
    packed = min(array.id.get_storage_size(), array.file.id.get_filesize())
    if whole > LARGE and whole > EXPAND_AT_MOST * packed:
        raise _LayoutError(f"{shown(array.name)} expands from {readable(packed)} to {readable(whole)}")


def _text(value: object) -> str:
    """The text of an attribute; "" if it is something else."""
    return (
        value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    )


def _encoding(node: _Node) -> str:
    return _text(node.attrs.get("encoding-type"))


def _matrix(file: h5py.File, path: Path, layer: str) -> _Node:
    """X, or a layer.

    Raises:
        ConfigError: there is no such layer.
    """
    if not layer:
        if "X" not in file:
            raise ConfigError.of(
                "data.layer", f"a layer, as {path} has no X", "none", f"Name one: {_layers(file)}."
            )
        return _child(file, "X")
    known = [*_child(file, "layers")] if "layers" in file else []
    if layer not in known:
        raise _not_found("data.layer", "layer", layer, known, path, "For X leave data.layer out.")
    return _child(_child(file, "layers"), layer)


def _layers(file: h5py.File) -> str:
    return listed([*_child(file, "layers")]) if "layers" in file else "it has none"


def _not_found(key: str, what: str, name: str, known: Sequence[str], path: Path, fix: str = "") -> ConfigError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}? {fix}" if near else fix
    got = listed(known) if known else "none"
    return ConfigError.of(key, f"a {what} {shown(name)!r} in {path}", got, hint.strip())


def _described(matrix: _Node) -> tuple[str, Header, int]:
    """The format of a matrix, its shape and type, and the bytes that it takes in memory."""
    if isinstance(matrix, h5py.Dataset):
        shape = tuple(map(int, matrix.shape or ()))
        header = Header(shape, False, matrix.dtype, 0)
        return "", header, header.size
    form = _SPARSE.get(_encoding(matrix))
    if form is None:
        kind = _encoding(matrix) or "an unknown kind"
        raise _LayoutError(f"the matrix is {shown(kind)}, not an array, csr_matrix or csc_matrix")
    parts = {name: _child(matrix, name) for name in ("data", "indices", "indptr")}
    sizes = np.asarray(matrix.attrs.get("shape", ())).reshape(-1)
    if sizes.dtype.kind not in "iu" or len(sizes) != 2 or (sizes < 0).any():
        raise _LayoutError("the matrix has no shape")
    if not all(isinstance(part, h5py.Dataset) and len(part.shape or ()) == 1 for part in parts.values()):
        raise _LayoutError("the matrix has arrays that are not lists")
    stored = sum(int(part.size) * part.dtype.itemsize for part in parts.values())
    header = Header(tuple(sizes.tolist()), False, parts["data"].dtype, 0)
    copies = 2 if form == "csc" else 1  # its values are brought into the order of the rows
    return form, header, copies * stored + 8 * header.shape[0]


def _index_node(file: h5py.File, name: str) -> _Node:
    """The array with the names of a data frame's rows."""
    frame = _child(file, name)
    if _encoding(frame) != "dataframe":
        raise _LayoutError(f"{name} is not a dataframe")
    if not (index := _text(frame.attrs.get("_index"))):
        raise _LayoutError(f"{name} has no attribute _index, the name of the column of its names")
    return _child(frame, index)


def _length(file: h5py.File, name: str) -> int:
    """The number of rows of a data frame."""
    node = _index_node(file, name)
    return int(node.shape[0]) if isinstance(node, h5py.Dataset) else len(_values(node))


def _index(file: h5py.File, name: str) -> list[str]:
    """The names of a data frame's rows."""
    return [str(value) for value in _values(_index_node(file, name))]


def _values(node: _Node) -> Array:
    """The values of a column [N]; those that are missing are None where it has a mask."""
    encoding = _encoding(node)
    if encoding.startswith("nullable-") and isinstance(node, h5py.Group):
        values, mask = _values(_child(node, "values")).astype(object), _child(node, "mask")[:]
        values[mask] = None
        return values
    if "categories" in node.attrs:
        raise _LayoutError(f"{node.name} has categories of anndata 0.7")
    if not isinstance(node, h5py.Dataset) or len(node.shape or ()) != 1:
        raise _LayoutError(f"{node.name} is {shown(encoding or 'an unknown kind')}, not a column")
    if h5py.check_string_dtype(node.dtype):
        return np.array(node.asstr("utf-8", "replace")[:], object)
    if node.dtype.kind not in "biuf":
        raise _LayoutError(f"{node.name} has values of type {node.dtype}")
    return np.array(node[:])


def _column(node: _Node, pd: Any) -> Any:
    """A column of obs as a pandas.Series."""
    if _encoding(node) == "categorical" and isinstance(node, h5py.Group):
        names, codes = _values(_child(node, "categories")), _values(_child(node, "codes"))
        return pd.Series(pd.Categorical.from_codes(codes, [str(name) for name in names]))
    values = _values(node)
    return pd.Series(values).convert_dtypes() if values.dtype == object else pd.Series(values)

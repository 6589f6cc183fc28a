"""Results for the examples of a dataset: arrays [N, ...] with the row of each example, in .npz or .csv files."""

from __future__ import annotations

import csv
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from probvae.core import Array, Split
from probvae.errors import DataWarning, UserError
from probvae.runs.signals import removed_at_the_end


@dataclass(frozen=True)
class Output:
    """A file that was written.

    Args:
        path: the file.
        shapes: of the arrays in it, by name; none of a picture.
    """

    path: Path
    shapes: dict[str, list[int]]

    def __str__(self) -> str:
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"{self.path}: {shapes}" if shapes else str(self.path)


def collect(splits: Mapping[str, Split], function: Callable[[Split], Mapping[str, Array]]) -> dict[str, Array]:
    """The results of a function for the examples of one split, or of several.

    Args:
        splits: the examples, by name of the split.
        function: of a split; arrays [N, ...] by name.

    Returns:
        These arrays; `labels` and `id` where the data has them; `row`, the number of each example in the array
        that it comes from; and, of several splits, `split`. All examples of one array are in its order.
    """
    parts = []
    for name, examples in splits.items():
        part = dict(function(examples))
        if examples.labels is not None:
            part["labels"] = examples.labels
        part["row"] = examples.numbers
        if examples.ids is not None:
            part["id"] = examples.ids
        if len(splits) > 1:
            part["split"] = np.full(len(examples), name)
        parts.append(part)
    shared = [name for name in parts[0] if all(name in part for part in parts)]
    found = {name: np.concatenate([part[name] for part in parts]) for name in shared}
    if "id" in found:
        _warn_of_duplicates(found["id"])
    rows = found["row"]
    if len(splits) == 1 or len(np.unique(rows)) < len(rows):  # of several arrays
        return found
    order = np.argsort(rows)
    return {name: array[order] for name, array in found.items()}


def _warn_of_duplicates(ids: Array) -> None:
    values, counts = np.unique(ids, return_counts=True)
    if (twice := counts > 1).any():
        some = ", ".join(map(str, values[twice][:3].tolist()))
        warnings.warn(
            f"ids: expected a different one for each example; got {int(twice.sum()):,} more than once, as {some}. "
            "The row of an example in its array identifies it.",
            DataWarning,
            stacklevel=2,
        )


def check_new(path: str | os.PathLike[str] | None, suffixes: Sequence[str], option: str = "--out") -> None:
    """Raise if a file that a user names exists, links included, or its name does not end in one of the suffixes.

    Args:
        path: the file; None if the user names none.
        suffixes: that its name may end in.
        option: that names it.

    Raises:
        UserError: it does.
    """
    if path is None:
        return
    if os.path.lexists(path):
        raise UserError(f"{option} {path}: expected a file that does not exist yet. Remove it, or choose another.")
    if (suffix := Path(path).suffix) not in suffixes:
        raise UserError(f"{option} {path}: expected a name that ends in {' or '.join(suffixes)}; got {suffix!r}.")


@contextmanager
def writing(path: Path, fix: str = "Choose another with --out.") -> Iterator[Path]:
    """The place to write a file to, which is moved to `path` once it is complete; its folder is made.

    Args:
        path: the file.
        fix: what the user can do if it cannot be written.

    Raises:
        UserError: the file cannot be written.
    """
    place = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with removed_at_the_end(place):
            yield place
        os.replace(place, path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}. {fix}") from error
    finally:
        with suppress(OSError):
            place.unlink(missing_ok=True)


@contextmanager
def making(folder: Path, choose: str) -> Iterator[Path]:
    """The place to make a folder at, which becomes `folder` once it is complete; the folder above is made.

    Args:
        folder: it must not exist yet.
        choose: how the user chooses another one, as "choose another: --out".

    Raises:
        UserError: it exists, links included, or cannot be written.
    """
    if os.path.lexists(folder):
        raise UserError(f"{folder}: expected a folder that does not exist yet. Remove it, or {choose}.")
    place = folder.with_name(f".{os.getpid()}-{folder.name}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with removed_at_the_end(place):
            yield place
        place.rename(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}. {choose.capitalize()}.") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write_arrays(path: Path, arrays: Mapping[str, Array], classes: tuple[str, ...] = ()) -> Output:
    """Write arrays to a .npz file, or to a .csv file with a line for each example.

    Args:
        path: the file.
        arrays: [N, ...], by name.
        classes: the names of the labels; a .npz file has them as `classes`, a .csv file in the place of numbers,
            also in the names of the columns of `class_probabilities`.

    Raises:
        UserError: the file cannot be written.
    """
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    if path.suffix == ".csv":
        with writing(path) as place:
            _write_csv(place, arrays, classes)
        return Output(path, shapes)
    names = {"classes": np.array(classes)} if classes and "labels" in arrays else {}
    with writing(path) as place:
        np.savez_compressed(place, **arrays, **names)  # type: ignore[arg-type]
    return Output(path, shapes | {name: list(array.shape) for name, array in names.items()})


def _cells(column: Array) -> list[object]:
    """Values as they are written; numbers of float32 with no more digits than they have."""
    shortest: Array = column.astype(np.str_) if column.dtype == np.float32 else column
    return shortest.tolist()


def _write_csv(path: Path, arrays: Mapping[str, Array], classes: tuple[str, ...]) -> None:
    columns: dict[str, list[object]] = {}
    for name in sorted(arrays, key=lambda name: name not in ("row", "id", "split", "labels")):
        array = arrays[name].reshape(len(arrays[name]), -1)  # [N, columns]
        if name == "labels" and classes:
            columns[name] = [classes[label] if 0 <= label < len(classes) else "" for label in array[:, 0].tolist()]
        elif arrays[name].ndim == 1:
            columns[name] = _cells(array[:, 0])
        else:
            of_classes = name == "class_probabilities" and len(classes) == array.shape[1]
            ends = classes if of_classes else range(array.shape[1])
            columns |= {f"{name}_{end}": _cells(array[:, number]) for number, end in enumerate(ends)}
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(chain([columns], zip(*columns.values(), strict=True)))

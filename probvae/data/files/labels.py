"""Labels and ids in files, and labels as integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from probvae.core import Array
from probvae.data.files.array_files import FileArray
from probvae.errors import ConfigError

T = TypeVar("T")
_MOST_NAMES = 5


def read_labels(found: FileArray, count: int) -> Array | str:
    """The labels [N] of `count` examples, -1 for NaN; or a description of an array that cannot be labels."""
    shape, dtype = found.header.shape, found.header.dtype
    if shape not in ((count,), (count, 1)) or dtype.kind not in "biufSU":
        return str(found.header)
    labels = found.read().reshape(count)
    if dtype.kind == "f":
        known = ~np.isnan(labels)  # pandas has NaN where an integer is missing
        if not known.any() or not (np.isfinite(labels) & (labels == np.round(labels)))[known].all():
            return f"{found.header}, some of them fractions, or no numbers"
        return np.where(known, labels, -1)
    return labels


def read_ids(found: FileArray, count: int) -> Array:
    """The ids [N] of `count` examples, integers or text.

    Raises:
        ConfigError: the array is of another shape or type.
    """
    if found.header.shape != (count,) or found.header.dtype.kind not in "iuSU":
        expected = f"ids as integers or text of shape [{count}], one for each example"
        raise ConfigError.of(found.file.place, expected, str(found), "If it is something else, rename it.")
    ids = found.read()
    return ids if ids.dtype.kind in "iu" else _text(ids)


def as_integers(labels: Mapping[T, Array]) -> tuple[dict[T, Array], tuple[str, ...]]:
    """The labels of several parts as integers, -1 where missing, and the names of the classes if they are text.

    Args:
        labels: those of each part, whole numbers or text, of which -1 and empty text are missing labels. If one is
            text, all are taken as text.

    >>> as_integers({"train": np.array(["dog", "cat", ""]), "test": np.array([b"cat"])})
    ({'train': array([ 1,  0, -1]), 'test': array([0])}, ('cat', 'dog'))
    """
    if not any(array.dtype.kind in "SU" for array in labels.values()):
        return {
            part: array if array.dtype.kind in "iu" else array.astype(np.int64) for part, array in labels.items()
        }, ()
    texts = {part: _text(array) for part, array in labels.items()}
    names = np.unique(np.concatenate([*texts.values()]))
    names = names[names != ""]
    numbers = {part: np.where(text == "", -1, np.searchsorted(names, text)) for part, text in texts.items()}
    return numbers, tuple(names.tolist())


def _text(labels: Array) -> Array:
    if labels.dtype.kind == "S":
        return np.array([label.decode("utf-8", "replace") for label in labels.tolist()], np.str_)
    text = labels.astype(np.str_)
    return np.where(text == "-1", "", text) if labels.dtype.kind in "if" else text


def described(labels: Array, names: tuple[str, ...]) -> str:
    """Labels in a few words: how many classes, some of their names, and how many labels are missing (-1)."""
    known = labels[labels != -1]
    some = ", ".join(name[:20] for name in names[:_MOST_NAMES]) + ", ..." * (len(names) > _MOST_NAMES)
    classes = f"{len(names):,} classes ({some})" if names else f"{len(np.unique(known)):,} classes"
    return classes if len(known) == len(labels) else f"{classes}, {len(labels) - len(known):,} labels missing"

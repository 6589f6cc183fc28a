"""What columns of a table say of each row besides its elements: its class, its id, its condition."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from probvae.core import Array, ConditionColumn, Split
from probvae.data.files.array_files import listed, shown
from probvae.data.files.encoding import (
    are_integers,
    known_names,
    mean_and_scale,
    one_hot,
    sorted_names,
    unknown,
)
from probvae.data.files.labels import described
from probvae.data.files.parts import Part
from probvae.data.files.tables import Frame, column, is_text, numbers, texts
from probvae.errors import ConfigError

_KEY = "condition"
_MISSING = "-1"
"""A label that is missing, where the names of all classes are integers."""


def classes_of(frames: Mapping[Part, Frame], name: str, sources: Mapping[Part, str]) -> tuple[str, ...]:
    """The classes that a column has in any of the tables, in order; none if there is no such column to read.

    Where all are integers, -1 is no class but a missing label, as in arrays.

    Args:
        frames: the table of each part.
        name: of the column; empty for none.
        sources: the names of the tables in messages.

    Raises:
        ConfigError: there is no such column, or it is empty.
    """
    if not name:
        return ()
    found = (known_names(frame, name, "label", sources[part]) for part, frame in frames.items())
    names = {text for names in found for text in names}
    return sorted_names(names - {_MISSING} if are_integers(names) else names)


def labels_of(frame: Frame, name: str, classes: tuple[str, ...], source: str) -> Array | None:
    """The numbers of the classes, -1 where they are missing: [N]; None if no column is named.

    Raises:
        ConfigError: there is no such column, or it has another class.
    """
    if not name:
        return None
    place = {text: number for number, text in enumerate(classes)}
    labels = np.full(len(frame), -1)
    for row, text in enumerate(texts(column(frame, name, "label", source))):
        if text in place:
            labels[row] = place[text]
        elif text not in (None, _MISSING):
            raise unknown("label", "a class", text, classes, row, source)
    return labels


def note_on_labels(name: str, classes: tuple[str, ...], splits: Iterable[Split]) -> list[str]:
    """What is said of the labels of all examples: their column, and how many classes; nothing without labels."""
    labels = [split.labels for split in splits if split.labels is not None]
    return [f"labels: {name}, {described(np.concatenate(labels), classes)}"] if labels else []


def ids_of(frame: Frame, name: str, source: str) -> Array | None:
    """The ids of the rows: text [N]; None if no column is named.

    Raises:
        ConfigError: there is no such column, or a row has none.
    """
    if not name:
        return None
    found = texts(column(frame, name, "id", source))
    if None in found:
        expected = f"an id in each row of the column {shown(name)!r} of {source}"
        got = f"none in row {found.index(None)} (the first is 0)"
        raise ConfigError.of("data.id", expected, got, "Fill it in.")
    return np.array(found, np.str_)


def condition_columns(
    names: Sequence[str], frame: Frame, as_text: Collection[str], source: str
) -> tuple[ConditionColumn, ...]:
    """The columns of the condition, with the categories of those that have names; nothing is standardised yet.

    Args:
        names: of the columns.
        frame: the table of the training rows.
        as_text: the columns whose values are names in any case.
        source: the name of the table in messages.

    Raises:
        ConfigError: there is no such column, it is named twice, or it is empty.
    """
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ConfigError.of(f"data.{_KEY}", "each column once", f"{listed(twice)} more than once")

    def made(name: str) -> ConditionColumn:
        if name in as_text or is_text(column(frame, name, _KEY, source)):
            return ConditionColumn(name, categories=known_names(frame, name, _KEY, source))
        return ConditionColumn(name)

    return tuple(map(made, names))


def conditions_of(frame: Frame, columns: Sequence[ConditionColumn], source: str) -> Array | None:
    """The conditions of the rows of a table, not standardised: float64 [N, C]; None if they have no columns.

    Raises:
        ConfigError: a value is missing, no number, or a category that is not known.
    """
    if not columns:
        return None
    blocks = [_block(known, frame, source) for known in columns]
    for known, block in zip(columns, blocks, strict=True):
        if (missing := np.isnan(block[:, 0])).any():
            expected = f"a value in each row of the column {shown(known.name)!r} of {source}"
            found = f"none in row {np.argmax(missing)} (the first is 0)"
            raise ConfigError.of(f"data.{_KEY}", expected, found, "Fill it in: a condition cannot be missing.")
    return np.concatenate(blocks, axis=1)


def _block(known: ConditionColumn, frame: Frame, source: str) -> Array:
    """The part of a condition that is made of one column, NaN where it is missing: float64 [N, n]."""
    values = column(frame, known.name, _KEY, source)
    if known.categories:
        fix = "Leave such rows out."
        return one_hot(texts(values), known.categories, False, _KEY, known.name, source, fix)
    return numbers(values, _KEY, source)[:, np.newaxis]


def fitted_columns(columns: tuple[ConditionColumn, ...], conditions: Array | None) -> tuple[ConditionColumn, ...]:
    """The columns with the means and scales of their numbers in the conditions of training rows [N, C].

    Raises:
        ConfigError: a column has the same number everywhere.
    """
    if conditions is None:
        return columns
    fitted, start = [], 0
    for known in columns:
        if known.categories:
            fitted.append(known)
        else:
            values = conditions[:, start]
            mean, scale = mean_and_scale(values, len(values), _KEY, known.name, "Leave it out.")
            fitted.append(replace(known, mean=mean, scale=scale))
        start += len(known.names)
    return tuple(fitted)


def standardised_conditions(columns: Sequence[ConditionColumn], conditions: Array | None) -> Array | None:
    """Conditions [N, C] with their numbers standardised, float32; None if there are none."""
    if conditions is None:
        return None
    means = [known.mean for known in columns for _ in known.names]
    scales = [known.scale for known in columns for _ in known.names]
    return ((conditions - means) / scales).astype(np.float32)

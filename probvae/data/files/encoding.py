"""Columns of tables as numbers: categories as one-hot vectors, means and scales."""

from __future__ import annotations

import numpy as np

from probvae.core import Array
from probvae.data.files.array_files import listed, shown
from probvae.data.files.tables import Frame, column, texts
from probvae.errors import ConfigError


def mean_and_scale(values: Array, count: int, key: str, name: str, fix: str) -> tuple[float, float]:
    """The mean and the standard deviation of the known values of a column in the training rows.

    Raises:
        ConfigError: there is none, or all are the same.
    """
    if not len(values) or values.min() == values.max():
        found = f"{values[0]:g} in all of them" if len(values) else "no value in any of them"
        expected = f"a column {shown(name)!r} with different values in the {count:,} training rows"
        raise ConfigError.of(f"data.{key}", expected, found, fix)
    return float(values.mean()), float(values.std())


def one_hot(
    values: list[str | None],
    known: tuple[str, ...],
    other: bool,
    key: str,
    name: str,
    source: str,
    fix: str,
) -> Array:
    """One-hot vectors of categories, NaN where they are missing: float64 [N, n].

    Args:
        values: the categories of the rows.
        known: all categories.
        other: whether there is a last element for others.
        key: of the spec, that names the column.
        name: of the column.
        source: the name of the table in messages.
        fix: what to do about another category.

    Raises:
        ConfigError: there is another category.
    """
    place = {category: number for number, category in enumerate(known)}
    encoded = np.zeros((len(values), len(known) + other))
    for row, text in enumerate(values):
        if text is None:
            encoded[row] = np.nan
        elif text in place or other:
            encoded[row, place.get(text, -1)] = 1.0
        else:
            raise unknown(key, f"a category of {shown(name)!r}", text, known, row, source, fix)
    return encoded


def unknown(
    key: str, what: str, text: str, known: tuple[str, ...], row: int, source: str, fix: str = ""
) -> ConfigError:
    """The error for a category or a class that the training rows do not have."""
    expected = f"{what} that the training rows have ({listed(known)})"
    got = f"{shown(text)!r} in row {row} (the first is 0) of {source}"
    return ConfigError.of(f"data.{key}", expected, got, fix)


def known_names(frame: Frame, name: str, key: str, source: str) -> tuple[str, ...]:
    """The different values of a column, in order.

    Raises:
        ConfigError: there is no such column, or it is empty.
    """
    found = {text for text in texts(column(frame, name, key, source)) if text is not None}
    if not found:
        raise ConfigError.of(f"data.{key}", f"values in the column {shown(name)!r} of {source}", "none")
    return sorted_names(found)


def sorted_names(names: set[str]) -> tuple[str, ...]:
    """Names in order; if all are integers, by their size, and equal ones (1, 01) by their text."""
    return tuple(sorted(names, key=lambda name: (int(name), name)) if are_integers(names) else sorted(names))


def are_integers(names: set[str]) -> bool:
    """Whether names are those of integers."""
    return all(name.removeprefix("-").isdecimal() for name in names)

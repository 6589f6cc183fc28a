"""Conditions in the columns of a table: numbers, standardised, and names as one-hot vectors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from probvae.core import Array, ConditionColumn
from probvae.data.files.array_files import shown
from probvae.data.files.encoding import known_names, mean_and_scale, one_hot
from probvae.data.files.tables import Frame, column, is_text, numbers, texts
from probvae.errors import ConfigError

_KEY = "condition"


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
        ConfigError: there is no such column, or it is empty.
    """

    def made(name: str) -> ConditionColumn:
        if name in as_text or is_text(column(frame, name, _KEY, source)):
            return ConditionColumn(name, categories=known_names(frame, name, _KEY, source))
        return ConditionColumn(name)

    return tuple(map(made, names))


def read_conditions(columns: Sequence[ConditionColumn], frame: Frame, source: str) -> Array:
    """The conditions of the rows of a table, not standardised: float64 [N, C].

    Raises:
        ConfigError: a value is missing, no number, or a category that is not known.
    """
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


def fitted_columns(columns: Sequence[ConditionColumn], conditions: Array) -> tuple[ConditionColumn, ...]:
    """The columns with the means and scales of their numbers in the conditions of training rows [N, C].

    Raises:
        ConfigError: a column has the same number everywhere.
    """
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


def standardised_conditions(columns: Sequence[ConditionColumn], conditions: Array) -> Array:
    """Conditions [N, C] with their numbers standardised, float32."""
    means = [known.mean for known in columns for _ in known.names]
    scales = [known.scale for known in columns for _ in known.names]
    return ((conditions - means) / scales).astype(np.float32)

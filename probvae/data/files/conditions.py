"""Conditions in files: numbers [N, C] beside the examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from probvae.core import Array, Condition
from probvae.data.files.parts import Chosen, Part
from probvae.errors import ConfigError


def read_conditions(
    chosen: Mapping[Part, Chosen], names: Sequence[str]
) -> tuple[dict[Part, Array], Condition | None]:
    """The conditions of each part, float32 [N, C], and what their columns are; none if no part has any.

    Args:
        chosen: the arrays of each part.
        names: of the columns; if empty, c1, c2, ...

    Raises:
        ConfigError: only some parts have conditions, they are no numbers [N, C], or the names do not fit.
    """
    if not any(arrays.condition for arrays in chosen.values()):
        if names:
            expected = "conditions to name the columns of, as an array train_condition"
            raise ConfigError.of("data.condition_columns", expected, "none")
        return {}, None
    conditions = {part: _read(part, arrays) for part, arrays in chosen.items()}
    size = conditions["train"].shape[1]
    for part, values in conditions.items():
        if values.shape[1] != size:
            expected = f"conditions of {size} columns, as in train"
            raise ConfigError.of(f"data.{part}", expected, f"{values.shape[1]} in {part}")
    if names and len(names) != size:
        expected = f"{size} names, one for each column of the conditions"
        raise ConfigError.of("data.condition_columns", expected, f"{len(names)}")
    return conditions, Condition(tuple(names) or tuple(f"c{number + 1}" for number in range(size)))


def _read(part: Part, arrays: Chosen) -> Array:
    """The conditions of a part, float32 [N, C]; an array [N] is one column."""
    array, count = arrays.condition, arrays.examples.header.shape[0]
    expected = f"conditions of {part}, finite numbers [{count}, C]"
    if array is None:
        fix = "Give all parts conditions, or none."
        raise ConfigError.of(f"data.{part}", expected, f"none in {arrays.examples.file.path}", fix)
    shape = array.header.shape
    if array.header.dtype.kind not in "biuf" or len(shape) not in (1, 2) or shape[0] != count or 0 in shape:
        raise ConfigError.of(f"data.{part}", expected, str(array))
    with np.errstate(over="ignore"):  # too large for float32: infinite, and refused below
        values = array.read().astype(np.float32).reshape(count, -1)
    if not (finite := np.isfinite(values)).all():
        row = int(np.argwhere(~finite)[0, 0])
        raise ConfigError.of(f"data.{part}", expected, f"NaN or infinity in row {row} of {array}")
    return values

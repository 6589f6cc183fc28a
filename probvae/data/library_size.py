"""The library size: the total of an example's counts, as a column of the condition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from probvae.core import COUNTS, Array, Condition, ConditionColumn, Data, DataInfo, Split
from probvae.errors import ConfigError

LIBRARY_SIZE = ConditionColumn("library_size", log=True)
"""It is not standardised: a likelihood that multiplies by it takes it as it is."""
_LABEL = "label"


def with_library_size(info: DataInfo) -> DataInfo:
    """The description of data whose condition has the library size as its last column, after those it had."""
    before: tuple[ConditionColumn, ...] = ()
    if condition := info.condition:
        before = condition.columns
        if condition.one_hot and not condition.table:
            before = (ConditionColumn(_LABEL, categories=condition.names),)
        if any(column.name == LIBRARY_SIZE.name for column in before):
            expected = f"a condition without a column {LIBRARY_SIZE.name!r}, which library_size = true adds"
            raise ConfigError.of("data.library_size", expected, str(condition), "Leave one of them out.")
    return replace(info, condition=Condition.of((*before, LIBRARY_SIZE)))


def classes_in(condition: Condition) -> Condition:
    """The classes of a condition of labels and library sizes, without the library sizes."""
    return Condition(condition.columns[0].categories, one_hot=True)


def with_library_sizes(data: Data) -> Data:
    """The data with the logarithm of each example's total as the last column of its condition.

    Raises:
        ConfigError: the examples are no counts, some are missing, or all counts of an example are 0.
    """
    info = data.info
    if info.values not in COUNTS or data.train.binarize_on_read:
        raise _error("counts", f"{info.values}", "Leave it out.")
    given = info.condition is not None
    splits = {name: _with_total(getattr(data, name), name, given) for name in ("train", "validation", "test")}
    return Data(with_library_size(info), **splits)


def _with_total(split: Split, name: str, conditional: bool) -> Split:
    if split.observed is not None:
        raise _error(
            "counts without missing values", f"some in {name}", "Leave such examples out, or leave it out."
        )
    if conditional and split.condition is None:
        raise _error("a label for every example", f"some without one in {name}", "Leave such examples out.")
    totals = np.concatenate([np.zeros(0), *map(_totals, map(split.scaled, split.blocks()))])  # [N]
    if len(empty := np.flatnonzero(totals == 0)):
        first = split.name_of(int(empty[0]))
        got = f"0 in {len(empty):,} of {len(split):,} examples of {name}, first in example {first}"
        raise _error("a total above 0 in every example", got, "Leave such examples out.")
    log_totals = np.log(totals).astype(np.float32)[:, np.newaxis]
    before = [] if split.condition is None else [split.condition]
    return replace(split, condition=np.concatenate([*before, log_totals], axis=1))


def _totals(x: Array) -> Array:
    """The sums over the elements of examples [B, *E]: [B]."""
    return x.reshape(len(x), -1).sum(axis=1, dtype=np.float64)


def _error(expected: str, got: str, fix: str) -> ConfigError:
    return ConfigError.of("data.library_size", f"{expected}, as library_size = true", got, fix)

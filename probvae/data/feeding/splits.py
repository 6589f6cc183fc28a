"""The three parts of a user's data: what is missing is split off, values are seen, and all of it is described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, TypeAlias

import numpy as np
from annotated_types import Ge, Lt

from probvae.core import (
    BINARY,
    UNIT,
    Array,
    Binarize,
    Condition,
    Data,
    DataInfo,
    Group,
    Split,
    Table,
    Values,
)
from probvae.data.feeding.binarize import SEED, binarize_splits, fixed_order, not_probabilities, protocol
from probvae.data.files.image_files import ImageRows
from probvae.data.files.on_disk import OnDisk
from probvae.data.files.parts import PARTS, Part
from probvae.data.files.sparse import SparseRows
from probvae.errors import ConfigError

Share: TypeAlias = Annotated[float, Ge(0), Lt(0.5)]
"""The share of the training examples that is split off for each part that is not given; 0 leaves these empty."""


@dataclass(frozen=True)
class UserData:
    """A user's examples, not binarised yet.

    Args:
        splits: the three parts, as they are stored.
        split_off: which of them were split off, in a phrase; empty if none.
        values: the values of all of them, after the division.
        scaling: how the values came about, in a phrase.
        source: where they come from.
        notes: what is used as what, a line each.
        classes: the names of the labels, if they have any.
        columns: the names of the elements of an example of shape [n], if they have any.
        groups: what these elements are, if some may be of another kind than others.
        condition: what the columns of the conditions are, if there are any.
        fitted: what was learnt from the training examples; see `DataInfo`.
    """

    splits: dict[Part, Split]
    split_off: str
    values: Values
    scaling: str
    source: str
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    fitted: Table = field(default_factory=dict)
    condition: Condition | None = None

    def info(self, binarize: Binarize = "none") -> DataInfo:
        """The description of the data, binarised.

        Raises:
            ConfigError: it is to be binarised, and its values are no probabilities.
        """
        train, validation, test = (self.splits[part] for part in PARTS)
        if binarize != "none" and self.values not in UNIT:
            stored = values_of({part: replace(split, divide_by=1.0) for part, split in self.splits.items()})
            raise not_probabilities(self.values, stored, train.stored.shape[1:])
        steps = [self.scaling, protocol(binarize) if binarize != "none" else "", self.split_off]
        return DataInfo(
            event_shape=train.stored.shape[1:],
            values=self.values if binarize == "none" else BINARY,
            sizes=(len(train), len(validation), len(test)),
            protocol="; ".join(filter(None, steps)),
            source=self.source,
            notes=self.notes,
            classes=self.classes,
            columns=self.columns,
            groups=self.groups,
            fitted=self.fitted,
            condition=self.condition,
        )

    def load(self, binarize: Binarize = "none") -> Data:
        """The three splits, binarised.

        Raises:
            ConfigError: they are to be binarised, and their values are no probabilities.
        """
        info = self.info(binarize)
        train, validation, test = (self.splits[part] for part in PARTS)
        return Data(info, *binarize_splits(train, validation, test, binarize))


def scaling(divide_by: float) -> str:
    """How stored values become those that a model sees, in a phrase."""
    return f"values divided by {divide_by:g}" if divide_by != 1.0 else "values as given"


def split_off(given: Mapping[Part, Split], share: float, place: str, fix: str) -> tuple[dict[Part, Split], str]:
    """All three parts; those that are not given are split off from the training examples, always the same ones.

    Args:
        given: the parts that are given.
        share: of the training examples, for each part that is not.
        place: the key of the spec that names the training examples, for errors.
        fix: what to do if there are too few of them; {} is a missing part.

    Returns:
        The parts, and which of them were split off, in a phrase; empty if none.

    Raises:
        ConfigError: there are too few training examples.
    """
    train, missing = given["train"], [part for part in PARTS if part not in given]
    if not missing:
        return dict(given), ""
    if not share:
        return {**given, **{part: _rows(train, np.arange(0)) for part in missing}}, ""
    names, size = " and ".join(missing), max(1, round(share * len(train)))
    if size * len(missing) >= len(train):
        expected = f"enough training examples to split off {names} examples"
        raise ConfigError.of(place, expected, f"{len(train)}", fix.format(missing[0]))
    order = fixed_order(len(train))
    splits = {part: _rows(train, order[size * n : size * (n + 1)]) for n, part in enumerate(missing)}
    splits["train"] = _rows(train, order[size * len(missing) :])
    each = " each" * (len(missing) > 1)
    said = f"{names} examples split off from the training examples ({100 * share:g}%{each}, seed {SEED})"
    return {**given, **splits}, said


def _rows(split: Split, which: Array) -> Split:
    stored = (
        split.stored.part(which)
        if isinstance(split.stored, (OnDisk, ImageRows, SparseRows))
        else split.stored[which]
    )
    labels, condition, observed, ids = (
        None if array is None else array[which]
        for array in (split.labels, split.condition, split.observed, split.ids)
    )
    rows = split.numbers[which]
    return replace(split, stored=stored, labels=labels, condition=condition, observed=observed, ids=ids, rows=rows)


def labelled(splits: Mapping[str, Split], classes: int) -> dict[str, Split]:
    """The examples of some splits that have their condition: where a label is missing, those that have one.

    Args:
        splits: the examples, whose condition is the one-hot vector of their label; by name.
        classes: K, how many there are.

    Returns:
        The splits that have such examples.

    Raises:
        ConfigError: none has one.
    """
    found = {}
    for name, split in splits.items():
        if split.condition is not None or split.labels is None:
            found[name] = split
        elif len(known := np.flatnonzero(split.labels != -1)):
            one_hot = np.eye(classes, dtype=np.float32)[split.labels[known]]
            found[name] = replace(_rows(replace(split, condition=None), known), condition=one_hot)
    if not found:
        raise ConfigError(
            f"{', '.join(splits)}: expected examples with a label, as the evaluation is of log p(x given y), y "
            f"the class; got none of {sum(map(len, splits.values())):,}. Give labels to some of them.",
            parameter="condition",
        )
    return found


def values_of(splits: Mapping[Part, Split]) -> Values:
    """The values that all splits together take, as a model sees them.

    Raises:
        ConfigError: a value is not finite in float32, or all are missing.
    """
    seen = [values for part, split in splits.items() for values in _block_values(part, split)]
    if not seen:
        raise ConfigError.of("data.train", "values", "none: all are missing")
    return Values.of_all(seen)


def _block_values(part: Part, split: Split) -> Iterator[Values]:
    """The values of a split as a model sees them, without those that are missing, block by block."""
    start, steps = 0, int(split.divide_by) if split.divide_by == int(split.divide_by) else 1
    for block in split.blocks():
        with np.errstate(over="ignore"):  # too large for float32: infinite, and refused below
            x = split.scaled(block)
        if not (finite := np.isfinite(x)).all():
            got = f"NaN or infinity in example {split.name_of(start + int(np.argwhere(~finite)[0, 0]))}"
            fix = "Leave such examples out, or fill them in: numpy.nan_to_num(array)."
            raise ConfigError.of(f"data.{part}", "finite numbers (in float32)", got, fix)
        known = x if split.observed is None else x[split.observed[start : start + len(block)]]
        if known.size:
            yield Values.of(known, steps)
        start += len(block)

"""From the columns of a table to examples: numbers, standardised, and categories as one-hot vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from probvae.core import STRICT, Array, Condition, ConditionColumn, Group, Split, Table, from_json
from probvae.data.files.array_files import listed, shown
from probvae.data.files.beside import (
    classes_of,
    condition_columns,
    conditions_of,
    fitted_columns,
    ids_of,
    labels_of,
    standardised_conditions,
)
from probvae.data.files.encoding import known_names, mean_and_scale, one_hot
from probvae.data.files.parts import Part
from probvae.data.files.tables import Frame, column, counted, first_text, is_numeric, is_unnamed, numbers, texts
from probvae.errors import ConfigError

OTHER = "other"


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are used as; see `TableFile`."""

    features: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    other: bool = False
    label: str = ""
    id: str = ""
    conditions: tuple[str, ...] = ()
    standardise: bool = True

    @property
    def text(self) -> tuple[str, ...]:
        """The columns whose values are names."""
        return tuple(name for name in (*self.categories, self.label, self.id) if name)

    @property
    def apart(self) -> tuple[str, ...]:
        """The columns that are no features unless they are named."""
        return *self.text, *self.conditions, *self.counts

    @property
    def encoded(self) -> tuple[str, ...]:
        """The columns of names that are features."""
        return tuple(name for name in self.categories if name not in self.conditions)


@dataclass(frozen=True)
class Fitted:
    """What is learnt from the training rows, and is used for all others.

    Args:
        features: the columns of numbers.
        means: of each of them, which is subtracted.
        scales: of each of them, by which the difference is divided.
        counts: the columns of counts.
        categories: the known categories of each column of them.
        classes: the known classes, as the labels name them.
        conditions: the columns of the condition.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    counts: tuple[str, ...] = ()
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    conditions: tuple[ConditionColumn, ...] = ()

    @classmethod
    def of(cls, frames: Mapping[Part, Frame], roles: Roles, sources: Mapping[Part, str]) -> Fitted:
        """What tables say before any row is split off: which columns, categories and classes there are.

        Raises:
            ConfigError: a column is missing, or none has numbers.
        """
        train, source = frames["train"], sources["train"]
        features = roles.features or tuple(
            name
            for name in train.columns
            if name not in roles.apart and is_numeric(train[name]) and not is_unnamed(name)
        )
        if not features and not roles.encoded and not roles.counts:
            got = f"{listed([*train.columns])} in {source}"
            fix = "Name columns of categories: data.categories = [...]."
            raise ConfigError.of("data.features", "a column of numbers, that is not used otherwise", got, fix)
        also = [name for name in (*features, *roles.encoded) if name in roles.counts]
        for key, names in {"features": features, "counts": (*roles.counts, *also)}.items():
            if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
                raise ConfigError.of(f"data.{key}", "each column once", f"{listed(twice)} more than once")
        categories = {name: known_names(train, name, "categories", source) for name in roles.encoded}
        conditions = condition_columns(roles.conditions, train, roles.text, source)
        zeros, ones = (0.0,) * len(features), (1.0,) * len(features)
        classes = classes_of(frames, roles.label, sources)
        return cls(features, zeros, ones, roles.counts, categories, classes, conditions)

    def names(self, other: bool) -> tuple[str, ...]:
        """The names of the elements of an example; a category is `column=value`."""
        values = {name: (*known, *((OTHER,) * other)) for name, known in self.categories.items()}
        encoded = (f"{name}={value}" for name, known in values.items() for value in known)
        return *self.features, *self.counts, *encoded

    def groups(self, other: bool) -> tuple[Group, ...]:
        """What the elements of an example are."""
        columns: list[Group] = [("numbers", len(self.features)), ("counts", len(self.counts))]
        columns += [("categories", len(known) + other) for known in self.categories.values()]
        return tuple((kind, size) for kind, size in columns if size)

    @property
    def condition(self) -> Condition | None:
        """What the columns of the condition are, if there is one."""
        return Condition.of(self.conditions) if self.conditions else None

    def standardising(self, split: Split, features: bool) -> Fitted:
        """The same with the means and scales of the observed numbers of training examples and their conditions.

        Args:
            split: the training examples.
            features: whether the features are standardised; conditions are in any case.

        Raises:
            ConfigError: a column has no value, or the same everywhere.
        """
        known = replace(self, conditions=fitted_columns(self.conditions, split.condition))
        if not features:
            return known
        stored, observed, count = split.stored[:], split.observed, len(split)
        assert observed is not None
        fix = "Leave it out: name the others in data.features. Or set data.standardise = false."
        found = [
            mean_and_scale(stored[observed[:, place], place], count, "features", name, fix)
            for place, name in enumerate(self.features)
        ]
        return replace(known, means=tuple(mean for mean, _ in found), scales=tuple(scale for _, scale in found))

    def split(self, frame: Frame, roles: Roles, source: str) -> Split:
        """The rows of a table as examples, float64 and not standardised; what is missing is 0 and not observed.

        Raises:
            ConfigError: a column is missing or of the wrong kind, or has a category or class that is not known.
        """
        columns = [numbers(column(frame, name, "features", source), "features", source) for name in self.features]
        columns += [counted(column(frame, name, "counts", source), "counts", source) for name in self.counts]
        blocks = [np.stack(columns, axis=1)] if columns else []
        for name, known in self.categories.items():
            values = texts(column(frame, name, "categories", source))
            fix = "Set data.other = true before training, for an element of all unknown categories."
            blocks.append(one_hot(values, known, roles.other, "categories", name, source, fix))
        stored = np.concatenate(blocks, axis=1)
        observed = ~np.isnan(stored)
        return Split(
            np.where(observed, stored, 0.0),
            labels_of(frame, roles.label, self.classes, source),
            condition=conditions_of(frame, self.conditions, source),
            observed=observed,
            ids=ids_of(frame, roles.id, source),
        )

    def standardised(self, split: Split) -> Split:
        """Examples, float32 and standardised; what is not observed is 0."""
        stored, observed, count = np.array(split.stored[:]), split.observed, len(self.features)
        stored[:, :count] = (stored[:, :count] - self.means) / self.scales
        assert observed is not None
        return replace(
            split,
            stored=np.where(observed, stored, 0.0).astype(np.float32),
            condition=standardised_conditions(self.conditions, split.condition),
            observed=None if observed.all() else observed,
        )


def in_units(fitted: Table, x: Array) -> dict[str, Array]:
    """Examples [N, n] as the columns of the table that they are like: numbers in its units, and names.

    Args:
        fitted: what a run learnt from its training examples, as `DataInfo.fitted`.
        x: examples, or the means of some; of a category the element that is largest counts, and NaN is missing.

    Returns:
        An array [N] for each column, with NaN or "" for what is missing; none if the run was not trained on one.
    """
    try:
        known = from_json(Fitted, json.dumps(fitted))
    except ValueError:  # it was learnt from other data
        return {}
    count = len(known.features)
    numbers = (x[:, :count] * known.scales + known.means).astype(x.dtype)
    found: dict[str, Array] = dict(zip(known.features, numbers.T, strict=True))
    found |= {name: x[:, count + place] for place, name in enumerate(known.counts)}
    count += len(known.counts)
    other = x.shape[1] > count + sum(map(len, known.categories.values()))
    for name, categories in known.categories.items():
        names = np.array((*categories, *((OTHER,) * other)))
        elements = x[:, count : count + len(names)]
        found[name] = np.where(np.isnan(elements).any(axis=1), "", names[elements.argmax(axis=1)])
        count += len(names)
    return found


def unused(frame: Frame, fitted: Fitted, roles: Roles) -> list[str]:
    """The columns that are not used, each with the reason if it is text or has no name."""
    names = [name for name in frame.columns if name not in (*fitted.features, *roles.apart)]
    return [f"{shown(name)}{_reason(frame, name)}" for name in names]


def _reason(frame: Frame, name: str) -> str:
    """Why a column is not used, where that can be seen from it."""
    if is_unnamed(name):
        return " (the file has no name for it, as for an index)"
    return "" if is_numeric(frame[name]) else f" (text, as {first_text(frame[name])[1]!r})"

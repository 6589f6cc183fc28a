"""From the columns of a table to examples: numbers, standardised, and categories as one-hot vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from probvae.core import STRICT, Array, Condition, ConditionColumn, Split
from probvae.data.files.array_files import listed, shown
from probvae.data.files.encoding import known_names, mean_and_scale, one_hot, sorted_names, unknown
from probvae.data.files.parts import Part
from probvae.data.files.table_conditions import (
    condition_columns,
    fitted_columns,
    read_conditions,
    standardised_conditions,
)
from probvae.data.files.tables import Frame, column, first_text, is_numeric, numbers, texts
from probvae.errors import ConfigError

OTHER = "other"


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are used as; see `TableFile`."""

    features: tuple[str, ...] = ()
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
        return *self.text, *self.conditions

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
        categories: the known categories of each column of them.
        classes: the known classes, as the labels name them.
        conditions: the columns of the condition.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
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
            name for name in train.columns if name not in roles.apart and is_numeric(train[name])
        )
        if not features and not roles.encoded:
            got = f"{listed([*train.columns])} in {source}"
            fix = "Name columns of categories: data.categories = [...]."
            raise ConfigError.of("data.features", "a column of numbers, that is not used otherwise", got, fix)
        for key, names in {"features": features, "condition": roles.conditions}.items():
            if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
                raise ConfigError.of(f"data.{key}", "each column once", f"{listed(twice)} more than once")
        categories = {name: known_names(train, name, "categories", source) for name in roles.encoded}
        conditions = condition_columns(roles.conditions, train, roles.text, source)
        classes: set[str] = set()
        if roles.label:
            for part, frame in frames.items():
                classes |= {*known_names(frame, roles.label, "label", sources[part])}
        zeros, ones = (0.0,) * len(features), (1.0,) * len(features)
        return cls(features, zeros, ones, categories, sorted_names(classes), conditions)

    def names(self, other: bool) -> tuple[str, ...]:
        """The names of the elements of an example; a category is `column=value`."""
        values = {name: (*known, *((OTHER,) * other)) for name, known in self.categories.items()}
        return *self.features, *(f"{name}={value}" for name, known in values.items() for value in known)

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
        conditions = () if split.condition is None else fitted_columns(self.conditions, split.condition)
        known = replace(self, conditions=conditions)
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
        blocks = [np.stack(columns, axis=1)] if columns else []
        for name, known in self.categories.items():
            values = texts(column(frame, name, "categories", source))
            fix = "Set data.other = true before training, for an element of all unknown categories."
            blocks.append(one_hot(values, known, roles.other, "categories", name, source, fix))
        stored = np.concatenate(blocks, axis=1)
        observed = ~np.isnan(stored)
        return Split(
            np.where(observed, stored, 0.0),
            self._labels(frame, roles, source) if roles.label else None,
            condition=read_conditions(self.conditions, frame, source) if self.conditions else None,
            observed=observed,
            ids=_ids(frame, roles.id, source) if roles.id else None,
        )

    def standardised(self, split: Split) -> Split:
        """Examples, float32 and standardised; what is not observed is 0."""
        stored, observed, count = np.array(split.stored[:]), split.observed, len(self.features)
        stored[:, :count] = (stored[:, :count] - self.means) / self.scales
        assert observed is not None
        return replace(
            split,
            stored=np.where(observed, stored, 0.0).astype(np.float32),
            condition=None
            if split.condition is None
            else standardised_conditions(self.conditions, split.condition),
            observed=None if observed.all() else observed,
        )

    def _labels(self, frame: Frame, roles: Roles, source: str) -> Array:
        """The numbers of the classes, -1 where they are missing: [N]."""
        place = {name: number for number, name in enumerate(self.classes)}
        labels = np.full(len(frame), -1)
        for row, text in enumerate(texts(column(frame, roles.label, "label", source))):
            if text is not None:
                if text not in place:
                    raise unknown("label", "a class", text, self.classes, row, source)
                labels[row] = place[text]
        return labels


def _ids(frame: Frame, name: str, source: str) -> Array:
    """The ids of the rows: text [N]."""
    found = texts(column(frame, name, "id", source))
    if None in found:
        expected = f"an id in each row of the column {shown(name)!r} of {source}"
        raise ConfigError.of(
            "data.id", expected, f"none in row {found.index(None)} (the first is 0)", "Fill it in."
        )
    return np.array(found, np.str_)


def unused(frame: Frame, fitted: Fitted, roles: Roles) -> list[str]:
    """The columns that are not used, each with the reason if it is text."""
    names = [name for name in frame.columns if name not in (*fitted.features, *roles.apart)]
    return [
        shown(name) if is_numeric(frame[name]) else f"{shown(name)} (text, as {first_text(frame[name])[1]!r})"
        for name in names
    ]

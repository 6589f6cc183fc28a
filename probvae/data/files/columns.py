"""From the columns of a table to examples: numbers, standardised, and categories as one-hot vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from probvae.core import STRICT, Array, Split
from probvae.data.files.array_files import listed, shown
from probvae.data.files.parts import Part
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


@dataclass(frozen=True)
class Fitted:
    """What is learnt from the training rows, and is used for all others.

    Args:
        features: the columns of numbers.
        means: of each of them, which is subtracted.
        scales: of each of them, by which the difference is divided.
        categories: the known categories of each column of them.
        classes: the known classes, as the labels name them.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

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
        if not features and not roles.categories:
            got = f"{listed([*train.columns])} in {source}"
            fix = "Name columns of categories: data.categories = [...]."
            raise ConfigError.of("data.features", "a column of numbers, that is not used otherwise", got, fix)
        if twice := [name for name in dict.fromkeys(features) if features.count(name) > 1]:
            raise ConfigError.of("data.features", "each column once", f"{listed(twice)} more than once")
        categories = {name: _known(train, name, "categories", source) for name in roles.categories}
        classes: set[str] = set()
        if roles.label:
            for part, frame in frames.items():
                classes |= {*_known(frame, roles.label, "label", sources[part])}
        zeros, ones = (0.0,) * len(features), (1.0,) * len(features)
        return cls(features, zeros, ones, categories, _sorted(classes))

    def names(self, other: bool) -> tuple[str, ...]:
        """The names of the elements of an example; a category is `column=value`."""
        values = {name: (*known, *((OTHER,) * other)) for name, known in self.categories.items()}
        return *self.features, *(f"{name}={value}" for name, known in values.items() for value in known)

    def standardising(self, split: Split) -> Fitted:
        """The same with the means and scales of the observed numbers of training examples.

        Raises:
            ConfigError: a column has no value, or the same everywhere.
        """
        means, scales = [], []
        stored, observed = split.stored[:], split.observed
        assert observed is not None
        for place, name in enumerate(self.features):
            values = stored[observed[:, place], place]
            if not len(values) or values.min() == values.max():
                found = f"{values[0]:g} in all of them" if len(values) else "no value in any of them"
                fix = "Leave it out: name the others in data.features. Or set data.standardise = false."
                expected = f"a column {shown(name)!r} with different values in the {len(split):,} training rows"
                raise ConfigError.of("data.features", expected, found, fix)
            means.append(float(values.mean()))
            scales.append(float(values.std()))
        return replace(self, means=tuple(means), scales=tuple(scales))

    def split(self, frame: Frame, roles: Roles, source: str) -> Split:
        """The rows of a table as examples, float64 and not standardised; what is missing is 0 and not observed.

        Raises:
            ConfigError: a column is missing or of the wrong kind, or has a category or class that is not known.
        """
        columns = [numbers(column(frame, name, "features", source), "features", source) for name in self.features]
        blocks = [np.stack(columns, axis=1)] if columns else []
        for name, known in self.categories.items():
            values = texts(column(frame, name, "categories", source))
            blocks.append(_one_hot(values, known, roles.other, name, source))
        stored = np.concatenate(blocks, axis=1)
        observed = ~np.isnan(stored)
        return Split(
            np.where(observed, stored, 0.0),
            self._labels(frame, roles, source) if roles.label else None,
            condition=_condition(frame, roles, source) if roles.conditions else None,
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
            observed=None if observed.all() else observed,
        )

    def _labels(self, frame: Frame, roles: Roles, source: str) -> Array:
        """The numbers of the classes, -1 where they are missing: [N]."""
        place = {name: number for number, name in enumerate(self.classes)}
        labels = np.full(len(frame), -1)
        for row, text in enumerate(texts(column(frame, roles.label, "label", source))):
            if text is not None:
                if text not in place:
                    raise _unknown("label", "a class", text, self.classes, row, source, "")
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


def _condition(frame: Frame, roles: Roles, source: str) -> Array:
    """The conditions, float32 [N, C]."""
    columns = []
    for name in roles.conditions:
        values = numbers(column(frame, name, "conditions", source), "conditions", source)
        if (missing := np.isnan(values)).any():
            expected = f"a number in each row of the column {shown(name)!r} of {source}"
            fix = "Fill it in: a condition cannot be missing."
            raise ConfigError.of(
                "data.conditions", expected, f"none in row {np.argmax(missing)} (the first is 0)", fix
            )
        columns.append(values.astype(np.float32))
    return np.stack(columns, axis=1)


def _one_hot(values: list[str | None], known: tuple[str, ...], other: bool, name: str, source: str) -> Array:
    """One-hot vectors of categories, NaN where they are missing: float64 [N, n]."""
    place = {category: number for number, category in enumerate(known)}
    encoded = np.zeros((len(values), len(known) + other))
    for row, text in enumerate(values):
        if text is None:
            encoded[row] = np.nan
        elif text in place or other:
            encoded[row, place.get(text, -1)] = 1.0
        else:
            fix = "Set data.other = true before training, for an element of all unknown categories."
            raise _unknown("categories", f"a category of {shown(name)!r}", text, known, row, source, fix)
    return encoded


def _unknown(
    key: str, what: str, text: str, known: tuple[str, ...], row: int, source: str, fix: str
) -> ConfigError:
    expected = f"{what} that the training rows have ({listed(known)})"
    return ConfigError.of(
        f"data.{key}", expected, f"{shown(text)!r} in row {row} (the first is 0) of {source}", fix
    )


def _known(frame: Frame, name: str, key: str, source: str) -> tuple[str, ...]:
    """The different values of a column."""
    found = {text for text in texts(column(frame, name, key, source)) if text is not None}
    if not found:
        raise ConfigError.of(f"data.{key}", f"values in the column {shown(name)!r} of {source}", "none")
    return _sorted(found)


def _sorted(names: set[str]) -> tuple[str, ...]:
    """Names in order; if all are integers, by their size."""
    whole = all(name.removeprefix("-").isdecimal() for name in names)
    return tuple(sorted(names, key=int) if whole else sorted(names))


def unused(frame: Frame, fitted: Fitted, roles: Roles) -> list[str]:
    """The columns that are not used, each with the reason if it is text."""
    names = [name for name in frame.columns if name not in (*fitted.features, *roles.apart)]
    return [
        shown(name) if is_numeric(frame[name]) else f"{shown(name)} (text, as {first_text(frame[name])[1]!r})"
        for name in names
    ]

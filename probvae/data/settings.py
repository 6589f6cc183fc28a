"""What a spec says of any dataset, besides the dataset's own parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from probvae.core import Array, Checked, Condition, Data, DataInfo, Split, available_memory, readable
from probvae.data.library_size import classes_in, with_library_size, with_library_sizes
from probvae.errors import ConfigError

_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class DataSettings(Checked):
    """What a model gets of the data.

    Args:
        condition: "labels": the condition is the label of each example, as a one-hot vector of its class. A list
            of names: these columns of a table are the condition. "none": there is no condition. If left out: the
            condition that the data has of its own, if any.
        labelled: how many training examples keep their label, as evenly over the classes as the number allows; 0,
            or left out, for all. It is for trying out how few labels are enough.
        label_seed: which ones is a function of it, 0 if left out. More of them include those of fewer.
        library_size: whether the logarithm of the total of each example, which must be counts, is a last column of
            the condition. Likelihoods of counts then model how the total is shared.

    Raises:
        ConfigError: labelled is given, and labels are not the condition.
    """

    condition: Literal["labels", "none"] | tuple[str, ...] | None = None
    labelled: Annotated[int, Ge(0)] | None = None
    label_seed: Annotated[int, Ge(0)] | None = None
    library_size: bool = False

    def __post_init__(self) -> None:
        if self.labelled and self.condition != "labels":
            expected = 'condition = "labels", as labelled is how many of them are kept'
            raise ConfigError.of("data.labelled", expected, f"condition = {self.condition!r}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are the condition; a dataset of a table gets them as its parameter `conditions`."""
        return self.condition if isinstance(self.condition, tuple) else ()

    def info(self, info: DataInfo) -> DataInfo | None:
        """The description of the data with these settings; None if that takes the data itself."""
        found = self._info(info)
        return found if found is None or not self.library_size else with_library_size(found)

    def _info(self, info: DataInfo) -> DataInfo | None:
        """As `info`, without the library size."""
        if self.condition == "none":
            return replace(info, condition=None)
        if self.condition != "labels":
            return info
        return replace(info, condition=Condition(info.classes, one_hot=True)) if info.classes else None

    def data(self, data: Data, trained_on: Condition | None = None) -> Data:
        """The data with these settings.

        Args:
            data: as its dataset gives it.
            trained_on: the condition of the data that a model was trained on, whose classes are to be used.

        Raises:
            ConfigError: there are no labels, fewer than are to be kept, or some are of no known class; the
                condition of the data is not of the named columns; or there is no library size.
        """
        if not self.library_size:
            return self._data(data, trained_on)
        classes = classes_in(trained_on) if trained_on and self.condition == "labels" else None
        return with_library_sizes(self._data(data, classes))

    def _data(self, data: Data, trained_on: Condition | None) -> Data:
        """As `data`, without the library size."""
        if self.condition not in ("labels", "none"):
            self._check_columns(data.info.condition)
            return data
        splits = {name: getattr(data, name) for name in _SPLITS}
        if self.condition == "none":
            bare = {name: replace(split, condition=None) for name, split in splits.items()}
            return Data(replace(data.info, condition=None), **bare)
        if trained_on is None:
            for name, split in splits.items():
                _check_labels(name, split)
        numbers, classes = _numbered(data, trained_on)
        if self.labelled:
            numbers["train"] = _kept(numbers["train"], classes, self.labelled, self.label_seed or 0)
        count, available = sum(map(len, splits.values())), available_memory()
        if available is not None and 4 * count * len(classes) > available:
            raise _error(
                f"labels of few classes, whose one-hot vectors fit into {readable(available)} of memory",
                f"{len(classes):,} classes",
            )
        conditioned = {
            name: replace(split, labels=numbers[name], condition=_one_hot(numbers[name], len(classes)))
            for name, split in splits.items()
        }
        condition = Condition(classes, one_hot=True)
        return Data(replace(data.info, classes=classes, condition=condition), **conditioned)

    def _check_columns(self, condition: Condition | None) -> None:
        """Check that the dataset made the condition of the named columns, if there are any."""
        found = [column.name for column in condition.columns] if condition else []
        if self.columns and found != [*self.columns]:
            expected = f"data whose condition is of the columns {', '.join(self.columns)}"
            fix = f"Give the dataset conditions = {self.columns}."
            raise ConfigError.of("data.condition", expected, str(condition) if condition else "none", fix)


def _check_labels(name: str, split: Split) -> None:
    if split.labels is None:
        raise _error("data with labels", f"none in {name}", 'Leave condition out, or set it to "none".')


def _numbered(data: Data, trained_on: Condition | None) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The labels of each split as the numbers of classes, -1 where missing, and the names of the classes."""
    labels = {name: _labels(getattr(data, name)) for name in _SPLITS}
    values = np.unique(np.concatenate([*labels.values()]))
    values = values[values != -1]
    given = dict(enumerate(data.info.classes))
    names = {value: given.get(value, str(value)) for value in values.tolist()}
    classes = data.info.classes or tuple(names.values())
    if trained_on is not None:
        numbers = {str(number): name for number, name in enumerate(trained_on.names)}
        if trained_on.numbered and not data.info.classes and not set(names.values()) <= set(trained_on.names):
            names = {value: numbers.get(name, name) for value, name in names.items()}
        classes = trained_on.names
    if not classes:
        raise _error("data with labels", "only missing ones (-1)", 'Leave condition out, or set it to "none".')
    unknown = [name for name in names.values() if name not in classes]
    if unknown:
        raise _error(f"labels of the classes {', '.join(classes)}", f"the label {unknown[0]}")
    place = {name: number for number, name in enumerate(classes)}
    to_number = np.array([*(place[names[value]] for value in values.tolist()), -1], np.int64)
    at = {
        name: np.where(array == -1, len(values), np.searchsorted(values, array)) for name, array in labels.items()
    }
    return {name: to_number[where] for name, where in at.items()}, classes


def _labels(split: Split) -> Array:
    return np.full(len(split), -1) if split.labels is None else np.asarray(split.labels, np.int64)


def _kept(numbers: Array, classes: tuple[str, ...], count: int, seed: int) -> Array:
    """The labels [N] of `count` examples, with as many of each class as of any other or one more; -1 elsewhere."""
    order = np.random.default_rng(seed).permutation(len(numbers))
    of_class = [order[numbers[order] == label] for label in range(len(classes))]
    shares = [count // len(classes) + (label < count % len(classes)) for label in range(len(classes))]
    if count < len(classes):
        raise ConfigError.of(
            "data.labelled", f"at least {len(classes)}, a label of each class in the training data", f"{count}"
        )
    for name, rows, share in zip(classes, of_class, shares, strict=True):
        if len(rows) < share:
            expected = f"at most as many as the training data has, evenly over {len(classes)} classes"
            got = f"{count:,}, which takes {share:,} of class {name}, of which there are {len(rows):,}"
            raise ConfigError.of("data.labelled", expected, got, "Lower it.")
    kept = np.full_like(numbers, -1)
    for label, (rows, share) in enumerate(zip(of_class, shares, strict=True)):
        kept[rows[:share]] = label
    return kept


def _one_hot(numbers: Array, count: int) -> Array | None:
    """The one-hot vectors of labels, [N, count]; none if a label is missing."""
    if (numbers == -1).any():
        return None
    vectors = np.zeros((len(numbers), count), np.float32)
    vectors[np.arange(len(numbers)), numbers] = 1.0
    return vectors


def _error(expected: str, got: str, fix: str = "") -> ConfigError:
    return ConfigError.of("data.condition", f"{expected}, as condition = 'labels'", got, fix)

"""A user's own arrays, from .npy and .npz files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Gt, Lt

from probvae.core import (
    BINARY,
    UNIT,
    Array,
    Binarize,
    Data,
    DataInfo,
    Dataset,
    FilePath,
    PositiveFloat,
    Split,
    Values,
    available_memory,
    channels_first,
    readable,
)
from probvae.data.feeding.binarize import SEED, binarize_splits, fixed_order, not_probabilities, protocol
from probvae.data.files.array_files import TOO_LARGE, FileArray
from probvae.data.files.labels import as_integers, described, read_labels
from probvae.data.files.on_disk import OnDisk, plain
from probvae.data.files.parts import PARTS, Chosen, Part, choose, unused
from probvae.errors import ConfigError

_BYTES_SEEN = 16
"""For each number of the examples whose values are seen together; there is at least one."""
_BYTES_ORDERED = 16
"""For each training example, where some of them are split off."""
_NO_LABELS = 'Labels only colour figures: set data.labels = "none" to leave them out.'


class Arrays(Dataset):
    """Your own arrays, from .npy and .npz files.

    An array is [N, *E], N examples of shape E. The arrays of a .npz file are found by their keys: train,
    validation and test, also as x_train, train_images, X_test, val, ..., with the labels train_labels, y_test,
    ...; `file.npz:key` names one. docs/your_data.md lists the keys. Values stay as they are unless `divide_by` is
    given: images of bytes are integers from 0 to 255, and become intensities with `divide_by = 255`. Before
    training all examples are read once, some at a time, to see their values. Data that does not fit in memory can
    stay in its files (`in_memory = false`): training on it is the same in every bit. `probvae data info` and the
    first lines of a training say which array is used as what, and which are ignored.

    Args:
        train: the file with the training examples, and with the other two parts if it has arrays for them.
        validation: the file with the validation examples; if empty and not in `train`, a share is split off.
        test: the file with the test examples; if empty and not in `train`, a share is split off.
        train_labels: a file with labels [N], integers or text, that colour the figures; if empty, they are
            looked for in the file of the examples. Text names the classes there.
        validation_labels: the same for the validation examples.
        test_labels: the same for the test examples.
        labels: auto (those that are named or found), or none.
        columns: the names of the n elements of examples of shape [n], for figures.
        share: the share of the training examples that is split off for a part that is not given, the same examples
            in every run.
        divide_by: the divisor of all values.
        channel_axis: make examples of shape [H, W] into [H, W, 1], as convolutional networks need them.
        binarize: dynamic (training examples afresh at every step), static (all once), or none; the first two
            use the values as probabilities.
        in_memory: if false, leave the examples in their .npy files and read them as they are needed, for data
            that does not fit in memory; the files must not change meanwhile. Labels are in memory all the same.
    """

    def __init__(
        self,
        train: FilePath,
        validation: FilePath = "",
        test: FilePath = "",
        train_labels: FilePath = "",
        validation_labels: FilePath = "",
        test_labels: FilePath = "",
        labels: Literal["auto", "none"] = "auto",
        columns: tuple[str, ...] = (),
        share: Annotated[float, Gt(0), Lt(0.5)] = 0.1,
        divide_by: PositiveFloat = 1.0,
        channel_axis: bool = True,
        binarize: Binarize = "none",
        in_memory: bool = True,
    ) -> None:
        self.train = train
        self.validation = validation
        self.test = test
        self.train_labels = train_labels
        self.validation_labels = validation_labels
        self.test_labels = test_labels
        self.labels = labels
        self.columns = columns
        self.share = share
        self.divide_by = divide_by
        self.channel_axis = channel_axis
        self.binarize = binarize
        self.in_memory = in_memory

    def info(self) -> DataInfo:
        """The description of the data; this takes a pass over it, to see its values.

        Raises:
            ConfigError: a file is missing, unreadable, or does not fit the parameters.
        """
        return self._info(self._parts())

    def load(self) -> Data:
        """The three splits.

        Raises:
            ConfigError: a file is missing, unreadable, or does not fit the parameters.
        """
        parts = self._parts()
        splits = parts.splits
        train, validation, test = (splits[part] for part in PARTS)
        return Data(self._info(parts), *binarize_splits(train, validation, test, self.binarize))

    @property
    def _files(self) -> dict[Part, str]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def _label_files(self) -> dict[Part, str]:
        return {"train": self.train_labels, "validation": self.validation_labels, "test": self.test_labels}

    def _info(self, parts: _Parts) -> DataInfo:
        splits, split_off, values, classes, notes = parts
        steps = [f"values divided by {self.divide_by:g}" if self.divide_by != 1.0 else "values as in the files"]
        if self.binarize != "none":
            steps.append(protocol(self.binarize))
        if split_off:
            share = f"({100 * self.share:g}%{' each' * (len(split_off) > 1)}, seed {SEED})"
            steps.append(f"{' and '.join(split_off)} examples split off from the training examples {share}")
        given = dict.fromkeys(text for text in self._files.values() if text)  # each once, in order
        return DataInfo(
            event_shape=splits["train"].stored.shape[1:],
            values=values if self.binarize == "none" else BINARY,
            sizes=(len(splits["train"]), len(splits["validation"]), len(splits["test"])),
            protocol="; ".join(steps),
            source=f"the user's files {', '.join(given)}",
            notes=notes,
            classes=classes,
            columns=self.columns,
        )

    def _parts(self) -> _Parts:
        """The content of the files, read afresh where it is in memory: then the dataset itself keeps nothing."""
        return self._read() if self.in_memory else self._kept

    @cached_property
    def _kept(self) -> _Parts:
        return self._read()

    def _read(self) -> _Parts:
        chosen = choose(self._files, self._label_files if self.labels == "auto" else None)
        self._check_memory(chosen)
        labels, classes, notes = self._read_labels(chosen)
        splits = {
            part: Split(self._examples(arrays.examples), labels.get(part), self.divide_by)
            for part, arrays in chosen.items()
        }
        self._check_alike(splits)
        values = self._values(splits)  # while the examples are in the order of their files
        split_off = self._split_off(splits)
        return _Parts(splits, split_off, values, classes, notes)

    def _check_memory(self, chosen: dict[Part, Chosen]) -> None:
        """Raise if there is too little memory, before anything is read."""
        examples = [arrays.examples.header for arrays in chosen.values()]
        train = chosen["train"].examples.header
        needed = _BYTES_SEEN * max(math.prod(header.shape[1:]) for header in examples)
        if len(chosen) < len(PARTS):
            needed += _BYTES_ORDERED * train.shape[0]
        if self.in_memory:  # the trainer copies the training examples once
            needed += sum(header.size for header in examples) + train.size
        needed += sum(arrays.labels.header.size for arrays in chosen.values() if arrays.labels)
        available = available_memory()
        if available is not None and needed > available:
            largest = max((arrays.examples for arrays in chosen.values()), key=lambda array: array.header.size)
            raise ConfigError.of(
                largest.file.place,
                f"data that fits in the {readable(available)} of memory that are available",
                f"{largest}, with which the data needs {readable(needed)}",
                TOO_LARGE if self.in_memory else "Use examples of fewer numbers, or fewer examples.",
            )

    def _examples(self, array: FileArray) -> Array | OnDisk:
        shape = array.header.shape
        event_shape = (*shape[1:], 1) if self.channel_axis and len(shape) == 3 else shape[1:]
        if not self.in_memory:
            return array.on_disk().as_events(event_shape)
        stored = array.read()
        return stored.astype(plain(stored.dtype), copy=False).reshape(-1, *event_shape)

    def _read_labels(
        self, chosen: dict[Part, Chosen]
    ) -> tuple[dict[Part, Array], tuple[str, ...], tuple[str, ...]]:
        """The labels of each part that has some, the names of the classes, and the notes on all arrays."""
        raw: dict[Part, Array] = {}
        ignored = []
        for part, (examples, array) in chosen.items():
            if array is None:
                continue
            count = examples.header.shape[0]
            expected = f"integers or text of shape [{count}], one for each example"
            read = read_labels(array, count)
            if not isinstance(read, str):
                raw[part] = read
            elif self._label_files[part]:
                raise ConfigError.of(f"data.{part}_labels", expected, f"{read} in {array.file.path}", _NO_LABELS)
            else:
                ignored.append(f"ignored: {array}: expected labels of {part} to be {expected}")
        labels, names = as_integers(raw)
        notes = []
        for part, (examples, array) in chosen.items():
            of_class = f"; labels: {array}, {described(labels[part], names)}" if part in labels else ""
            notes.append(f"{part}: {examples}{of_class}")
        return labels, names, (*notes, *ignored, *unused(chosen), *_doubts(chosen["train"].examples))

    def _check_alike(self, splits: dict[Part, Split]) -> None:
        """Raise if the parts differ in shape or in the kind of their numbers, or the columns do not fit them."""
        train = splits["train"].stored
        shape = list(train.shape[1:])
        for part, split in splits.items():
            if list(split.stored.shape[1:]) != shape:
                got = f"{list(split.stored.shape[1:])} in {part}"
                raise ConfigError.of(f"data.{part}", f"examples of shape {shape}, as in train", got)
            if (split.stored.dtype.kind == "f") != (train.dtype.kind == "f"):
                expected = f"the same kind of numbers as in train, {train.dtype}"
                fix = "Save both as one type: array.astype(...)."
                raise ConfigError.of(f"data.{part}", expected, f"{split.stored.dtype} in {part}", fix)
        if self.columns and shape != [len(self.columns)]:
            expected = f"a name for each element of an example, of shape {shape}"
            raise ConfigError.of("data.columns", expected, f"{len(self.columns)}")

    def _split_off(self, splits: dict[Part, Split]) -> list[Part]:
        """Split the parts that are not given off from the training examples; which ones they are."""
        train = splits["train"]
        missing = [part for part in PARTS if part not in splits]
        size = max(1, round(self.share * len(train)))
        if size * len(missing) >= len(train):
            expected = f"enough training examples to split off {' and '.join(missing)} examples"
            raise ConfigError.of("data.train", expected, f"{len(train)}", f"Name a file: data.{missing[0]} = ...")
        if missing:
            order = fixed_order(len(train))
            for number, part in enumerate(missing):
                splits[part] = _rows(train, order[number * size : (number + 1) * size])
            splits["train"] = _rows(train, order[len(missing) * size :])
        return missing

    def _values(self, splits: dict[Part, Split]) -> Values:
        """The values that the data takes, all splits together, after the division."""
        values = _values_of(splits)
        if self.binarize != "none" and values not in UNIT:
            stored = _values_of({part: replace(split, divide_by=1.0) for part, split in splits.items()})
            raise not_probabilities(values, stored, splits["train"].stored.shape[1:])
        return values


class _Parts(NamedTuple):
    """The content of the files.

    Args:
        splits: the three parts, as they are stored.
        split_off: those that are split off from the training examples.
        values: the values of all of them, after the division.
        classes: the names of the labels, if they have any.
        notes: which array is used as what.
    """

    splits: dict[Part, Split]
    split_off: list[Part]
    values: Values
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def _doubts(examples: FileArray) -> Iterator[str]:
    """Notes on what is probably a mistake."""
    if channels_first(shape := examples.header.shape[1:]):
        yield (
            f"examples of shape {list(shape)} look like images with their channels first; networks take [height, "
            "width, channels]: save numpy.moveaxis(array, 1, -1)"
        )


def _rows(split: Split, which: Array) -> Split:
    labels = None if split.labels is None else split.labels[which]
    stored = split.stored.part(which) if isinstance(split.stored, OnDisk) else split.stored[which]
    return replace(split, stored=stored, labels=labels, rows=which)


def _values_of(splits: dict[Part, Split]) -> Values:
    """The values that all splits together take, as a model sees them."""
    return Values.of_all(values for part, split in splits.items() for values in _block_values(part, split))


def _block_values(part: Part, split: Split) -> Iterator[Values]:
    """The values of a split as a model sees them, block by block.

    Raises:
        ConfigError: a value is not finite in float32.
    """
    start = 0
    for block in split.blocks():
        with np.errstate(over="ignore"):  # too large for float32: infinite, and refused below
            x = split.scaled(block)
        if not (finite := np.isfinite(x)).all():
            got = f"NaN or infinity in example {start + int(np.argwhere(~finite)[0, 0])}"
            fix = "Leave such examples out, or fill them in: numpy.nan_to_num(array)."
            raise ConfigError.of(f"data.{part}", "finite numbers (in float32)", got, fix)
        yield Values.of(x)
        start += len(block)

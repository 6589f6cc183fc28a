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
    Split,
    Values,
    available_memory,
    channels_first,
    readable,
)
from probvae.data.feeding.binarize import SEED, binarised, block, fixed_order, protocol
from probvae.data.files.array_files import TOO_LARGE, FileArray
from probvae.data.files.labels import as_integers, described, read_labels
from probvae.data.files.on_disk import OnDisk, plain
from probvae.data.files.parts import Chosen, Part, choose, unused
from probvae.data.refusal import refuse, to_probabilities

_BYTES_SEEN = 16
"""For each number of the examples whose values are looked at together, of which there is one at least."""
_BYTES_ORDERED = 16
"""For each training example, where some of them are split off."""
_NO_LABELS = 'Labels only colour figures: set data.labels = "none" to go on without them.'


class Arrays(Dataset):
    """Your own arrays, from .npy and .npz files.

    An array is [N, *E], N examples of shape E. A .npz file may hold several: those named train, validation
    and test (or x_train, train_images, X_test, val, ...) are found by their names, and labels too
    (train_labels, y_test, ...); `file.npz:name` names one. Values stay as they are unless `divide_by` says
    otherwise: images of bytes are integers from 0 to 255, and become intensities with `divide_by = 255`.
    Before anything else all examples are read once, some at a time, to see their values. Data that does not fit
    in memory can stay in its files (`in_memory = false`): training on it is the same in every bit. `probvae data
    info` and the first lines of a training say which array was taken for what, and which were ignored.

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
        share: how much of the training examples is split off for a part that is not given, the same examples
            in every run.
        divide_by: what all values are divided by.
        channel_axis: make examples of shape [H, W] into [H, W, 1], as convolutional networks need them.
        binarize: dynamic (training examples afresh at every step), static (all once), or none; the first two
            take the values as probabilities.
        in_memory: if false, leave the examples in their .npy files and read them as they are needed, for data
            that does not fit in memory; the files must not change meanwhile. Labels are in memory all the same.
    """

    def __init__(
        self,
        train: str,
        validation: str = "",
        test: str = "",
        train_labels: str = "",
        validation_labels: str = "",
        test_labels: str = "",
        labels: Literal["auto", "none"] = "auto",
        columns: tuple[str, ...] = (),
        share: Annotated[float, Gt(0), Lt(0.5)] = 0.1,
        divide_by: Annotated[float, Gt(0)] = 1.0,
        channel_axis: bool = True,
        binarize: Binarize = "none",
        in_memory: bool = True,
    ) -> None:
        self.files: dict[Part, str] = {"train": train, "validation": validation, "test": test}
        self.label_files: dict[Part, str] = {
            "train": train_labels,
            "validation": validation_labels,
            "test": test_labels,
        }
        self.labels = labels
        self.columns = columns
        self.share = share
        self.divide_by = divide_by
        self.channel_axis = channel_axis
        self.binarize = binarize
        self.in_memory = in_memory

    def info(self) -> DataInfo:
        """What the data is; this takes a pass over it, to see its values.

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
        info = self._info(parts)
        return Data(info, *binarised(splits["train"], splits["validation"], splits["test"], self.binarize))

    def _info(self, parts: _Parts) -> DataInfo:
        splits, split_off, values, classes, notes = parts
        steps = [f"values divided by {self.divide_by:g}" if self.divide_by != 1.0 else "values as in the files"]
        if self.binarize != "none":
            steps.append(protocol(self.binarize))
        if split_off:
            share = f"({100 * self.share:g}%{' each' * (len(split_off) > 1)}, seed {SEED})"
            steps.append(f"{' and '.join(split_off)} examples split off from the training examples {share}")
        given = dict.fromkeys(text for text in self.files.values() if text)  # each once, in order
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
        """What the files hold, read afresh where it is in memory: then the dataset itself keeps nothing."""
        return self._read() if self.in_memory else self._kept

    @cached_property
    def _kept(self) -> _Parts:
        return self._read()

    def _read(self) -> _Parts:
        chosen = choose(self.files, self.label_files if self.labels == "auto" else None)
        self._check_memory(chosen)
        labels, classes, notes = self._labels(chosen)
        given = {
            part: Split(self._examples(part, found.examples), labels.get(part), self.divide_by)
            for part, found in chosen.items()
        }
        train = given["train"]
        for part, split in given.items():
            if split.stored.shape[1:] != train.stored.shape[1:]:
                found = f"{list(split.stored.shape[1:])} in {part}"
                refuse(part, f"examples of shape {list(train.stored.shape[1:])}, as in train", found)
            if (split.stored.dtype.kind == "f") != (train.stored.dtype.kind == "f"):
                found = f"{split.stored.dtype} in {part}"
                hint = "Save both as one type: array.astype(...)."
                refuse(part, f"the same kind of numbers as in train, {train.stored.dtype}", found, hint)
        if self.columns and train.stored.shape[1:] != (len(self.columns),):
            shape = list(train.stored.shape[1:])
            refuse("columns", f"a name for each element of an example, of shape {shape}", f"{len(self.columns)}")
        values = self._values(given)  # while the examples are in the order of their files
        split_off = [part for part in self.files if part not in given]
        size = max(1, round(self.share * len(train)))
        if size * len(split_off) >= len(train):
            expected = f"enough training examples to split off {' and '.join(split_off)} examples"
            refuse("train", expected, f"{len(train)}", f"Name a file: data.{split_off[0]} = ...")
        if split_off:
            order = fixed_order(len(train))
            for number, part in enumerate(split_off):
                given[part] = _rows(train, order[number * size : (number + 1) * size])
            given["train"] = _rows(train, order[len(split_off) * size :])
        return _Parts(given, split_off, values, classes, notes)

    def _check_memory(self, chosen: dict[Part, Chosen]) -> None:
        """Refuse, before anything is read, what there is no memory for."""
        examples = [found.examples.header for found in chosen.values()]
        train = chosen["train"].examples.header
        needed = _BYTES_SEEN * max(math.prod(header.shape[1:]) for header in examples)
        if len(chosen) < len(self.files):
            needed += _BYTES_ORDERED * train.shape[0]
        if self.in_memory:  # the trainer copies the training examples once
            needed += sum(header.size for header in examples) + train.size
        needed += sum(found.labels.header.size for found in chosen.values() if found.labels)
        available = available_memory()
        if available is not None and needed > available:
            largest = max((found.examples for found in chosen.values()), key=lambda array: array.header.size)
            refuse(
                largest.file.parameter,
                f"data that fits in the {readable(available)} of memory that are available",
                f"{largest}, with which the data needs {readable(needed)}",
                TOO_LARGE if self.in_memory else "Take examples of fewer numbers, or fewer examples.",
            )

    def _examples(self, part: Part, found: FileArray) -> Array | OnDisk:
        shape = found.header.shape
        event_shape = (*shape[1:], 1) if self.channel_axis and len(shape) == 3 else shape[1:]
        if not self.in_memory:
            return found.on_disk().as_events(event_shape)
        array = found.read()
        return array.astype(plain(array.dtype), copy=False).reshape(-1, *event_shape)

    def _labels(self, chosen: dict[Part, Chosen]) -> tuple[dict[Part, Array], tuple[str, ...], tuple[str, ...]]:
        """The labels of each part that has some, the names of the classes, and what was taken for what."""
        raw: dict[Part, Array] = {}
        ignored = []
        for part, (examples, found) in chosen.items():
            if found is None:
                continue
            count = examples.header.shape[0]
            expected = f"integers or text of shape [{count}], one for each example"
            read = read_labels(found, count)
            if not isinstance(read, str):
                raw[part] = read
            elif self.label_files[part]:
                refuse(f"{part}_labels", expected, f"{read} in {found.file.path}", _NO_LABELS)
            else:
                ignored.append(f"ignored: {found}: expected labels of {part} to be {expected}")
        labels, names = as_integers(raw)
        notes = []
        for part, (examples, found) in chosen.items():
            of_class = f"; labels: {found}, {described(labels[part], names)}" if found and part in labels else ""
            notes.append(f"{part}: {examples}{of_class}")
        return labels, names, (*notes, *ignored, *unused(chosen), *_doubts(chosen["train"].examples))

    def _values(self, splits: dict[Part, Split]) -> Values:
        """The values that the data takes, all splits together, after the division."""
        values = _values_of(splits)
        if self.binarize != "none" and values not in UNIT:
            stored = _values_of({part: replace(split, divide_by=1.0) for part, split in splits.items()})
            hint = to_probabilities(stored, splits["train"].stored.shape[1:])
            refuse("binarize", "numbers from 0 to 1, to be taken as probabilities", str(values), hint)
        return values


class _Parts(NamedTuple):
    """What the files hold.

    Args:
        splits: the three parts, as they are stored.
        split_off: which of them were split off from the training examples.
        values: what all of them take, after the division.
        classes: the names of the labels, if they have any.
        notes: what was taken for what.
    """

    splits: dict[Part, Split]
    split_off: list[Part]
    values: Values
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def _doubts(examples: FileArray) -> Iterator[str]:
    """What is probably not meant, and what to do then."""
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
    """The values of a split as a model sees them, block by block; refuses what is not finite in float32."""
    size = block(split)
    for start in range(0, len(split), size):
        with np.errstate(over="ignore"):  # too large for float32: found as infinite below
            x = replace(split, stored=split.stored[start : start + size]).intensities()
        if not (finite := np.isfinite(x)).all():
            place = start + int(np.argwhere(~finite)[0, 0])
            hint = "Leave such examples out, or fill them in: numpy.nan_to_num(array)."
            refuse(part, "finite numbers (in float32)", f"NaN or infinity in example {place}", hint)
        yield Values.of(x)

"""A user's own arrays, from .npy and .npz files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from probvae.core import (
    Array,
    Binarize,
    Data,
    DataInfo,
    Dataset,
    FilePath,
    PositiveFloat,
    Split,
    channels_first,
)
from probvae.data.feeding.splits import Share, UserData, scaling, split_off, values_of
from probvae.data.files.array_files import TOO_LARGE, FileArray
from probvae.data.files.conditions import read_conditions
from probvae.data.files.labels import as_integers, described, read_ids, read_labels
from probvae.data.files.memory import check_memory
from probvae.data.files.on_disk import OnDisk, plain
from probvae.data.files.parts import PARTS, Chosen, Part, choose, unused
from probvae.data.files.sparse import SparseFile, SparseRows
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
    ..., the conditions train_condition, ..., and the ids train_ids, ..., which results repeat; `file.npz:key`
    names one. docs/your_data.md lists the keys. A sparse matrix [N, n], as `scipy.sparse.save_npz` writes it,
    stays sparse in memory. Values stay as they are unless `divide_by` is given: images of bytes are integers from
    0 to 255, and become intensities with `divide_by = 255`. Before training all examples are read once, some at a
    time, to see their values. Data that does not fit in memory can stay in its files (`in_memory = false`):
    training on it is the same in every bit. `probvae data info` and the first lines of a training say which array
    is used as what, and which are ignored.

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
        condition_columns: the names of the columns of the conditions; if empty, c1, c2, ...
        share: the share of the training examples that is split off for a part that is not given, the same examples
            in every run.
        divide_by: the divisor of all values.
        channel_axis: make examples of shape [H, W] into [H, W, 1], as convolutional networks need them.
        binarize: dynamic (training examples afresh at every step), static (all once), or none; the first two
            use the values as probabilities.
        in_memory: if false, leave the examples in their .npy files and read them as they are needed, for data
            that does not fit in memory; the files must not change meanwhile. Labels and sparse matrices are
            always in memory.
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
        condition_columns: tuple[str, ...] = (),
        share: Share = 0.1,
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
        self.condition_columns = condition_columns
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
        return self._data().info(self.binarize)

    def load(self) -> Data:
        """The three splits.

        Raises:
            ConfigError: a file is missing, unreadable, or does not fit the parameters.
        """
        return self._data().load(self.binarize)

    @property
    def _files(self) -> dict[Part, str]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def _label_files(self) -> dict[Part, str]:
        return {"train": self.train_labels, "validation": self.validation_labels, "test": self.test_labels}

    def _data(self) -> UserData:
        """The content of the files, read afresh where it is in memory: then the dataset itself keeps nothing."""
        return self._read() if self.in_memory else self._kept

    @cached_property
    def _kept(self) -> UserData:
        return self._read()

    def _read(self) -> UserData:
        chosen = choose(self._files, self._label_files if self.labels == "auto" else None)
        self._check_memory(chosen)
        labels, classes, notes = self._read_labels(chosen)
        conditions, condition = read_conditions(chosen, self.condition_columns)
        splits = {
            part: Split(
                self._examples(arrays.examples),
                labels.get(part),
                self.divide_by,
                condition=conditions.get(part),
                ids=_ids(arrays),
            )
            for part, arrays in chosen.items()
        }
        self._check_alike(splits)
        given = dict.fromkeys(text for text in self._files.values() if text)  # each once, in order
        values = values_of(splits)  # while the examples are in the order of their files
        return UserData(
            *split_off(splits, self.share, "data.train", "Name a file: data.{} = ..."),
            values=values,
            scaling=scaling(self.divide_by),
            source=f"the user's files {', '.join(given)}",
            notes=notes,
            classes=classes,
            columns=self.columns,
            condition=condition,
        )

    def _check_memory(self, chosen: dict[Part, Chosen]) -> None:
        """Raise if there is too little memory, before anything is read."""
        examples = [arrays.examples.header for arrays in chosen.values()]
        train = chosen["train"].examples.header
        needed = _BYTES_SEEN * max(math.prod(header.shape[1:]) for header in examples)
        if len(chosen) < len(PARTS):
            needed += _BYTES_ORDERED * train.shape[0]
        if self.in_memory:  # the trainer copies the training examples once
            needed += sum(arrays.examples.size for arrays in chosen.values()) + chosen["train"].examples.size
        beside = (array for _, *others in chosen.values() for array in others if array)
        needed += sum(array.size for array in beside)
        largest = max((arrays.examples for arrays in chosen.values()), key=lambda array: array.size)
        fix = TOO_LARGE if self.in_memory else "Use examples of fewer numbers, or fewer examples."
        check_memory(largest.file.place, needed, str(largest), fix)

    def _examples(self, array: FileArray | SparseFile) -> Array | OnDisk | SparseRows:
        if isinstance(array, SparseFile):
            return array.read()
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
        for part, (examples, array, *_) in chosen.items():
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
        for part, arrays in chosen.items():
            note = f"{part}: {arrays.examples}"
            if part in labels:
                note += f"; labels: {arrays.labels}, {described(labels[part], names)}"
            note += f"; condition: {arrays.condition}" if arrays.condition else ""
            note += f"; ids: {arrays.ids}" if arrays.ids else ""
            notes.append(note)
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


def _ids(arrays: Chosen) -> Array | None:
    return read_ids(arrays.ids, arrays.examples.header.shape[0]) if arrays.ids else None


def _doubts(examples: FileArray | SparseFile) -> Iterator[str]:
    """Notes on what is probably a mistake."""
    if channels_first(shape := examples.header.shape[1:]):
        yield (
            f"examples of shape {list(shape)} look like images with their channels first; networks take [height, "
            "width, channels]: save numpy.moveaxis(array, 1, -1)"
        )

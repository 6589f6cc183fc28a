"""A user's own arrays, from .npy and .npz files."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, NamedTuple, NoReturn, TypeAlias

import numpy as np
from annotated_types import Gt, Lt
from numpy.lib.format import MAGIC_PREFIX

from probvae.core import BINARY, UNIT, Array, Binarize, Data, DataInfo, Dataset, Split, Values
from probvae.data.fixed import SEED, binarised, block, fixed_order, protocol
from probvae.data.on_disk import OnDisk, plain
from probvae.data.refusal import refuse
from probvae.errors import ConfigError

Part: TypeAlias = Literal["train", "validation", "test"]

_SYNONYMS: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
_EXAMPLES = ("x", "data", "images")
_LABELS = ("y", "labels", "label", "targets")


class Arrays(Dataset):
    """Your own arrays, from .npy and .npz files.

    An array is [N, *E], N examples of shape E. A .npz file may hold several: those named train, validation
    and test (or x_train, train_images, X_test, val, ...) are found by their names, and labels too
    (train_labels, y_test, ...); `file.npz:name` names one. Values stay as they are unless `divide_by` says
    otherwise: images of bytes are integers from 0 to 255, and become intensities with `divide_by = 255`.
    Before anything else all examples are read once, some at a time, to see their values. Data that does not fit
    in memory can stay in its files (`in_memory = false`): training on it is the same in every bit.

    Args:
        train: the file with the training examples, and with the other two parts if it has arrays for them.
        validation: the file with the validation examples; if empty and not in `train`, a share is split off.
        test: the file with the test examples; if empty and not in `train`, a share is split off.
        train_labels: a file with integers [N] that colour the figures; if empty, they are looked for beside
            the examples.
        validation_labels: the same for the validation examples.
        test_labels: the same for the test examples.
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
        splits, split_off, values = parts
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
        )

    def _parts(self) -> _Parts:
        """What the files hold, read afresh where it is in memory: then the dataset itself keeps nothing."""
        return self._read() if self.in_memory else self._kept

    @cached_property
    def _kept(self) -> _Parts:
        return self._read()

    def _read(self) -> _Parts:
        if not 0 < self.divide_by < math.inf:
            refuse("divide_by", "a number above 0", f"{self.divide_by}")
        if not 0 < self.share < 0.5:
            refuse("share", "a number between 0 and 0.5", f"{self.share}")
        protocol(self.binarize)  # refuses an unknown one before anything is read
        given = {part: split for part in self.files if (split := self._given(part)) is not None}
        train = given["train"]
        for part, split in given.items():
            if split.stored.shape[1:] != train.stored.shape[1:]:
                found = f"{list(split.stored.shape[1:])} in {part}"
                refuse(part, f"examples of shape {list(train.stored.shape[1:])}, as in train", found)
            if (split.stored.dtype.kind == "f") != (train.stored.dtype.kind == "f"):
                found = f"{split.stored.dtype} in {part}"
                refuse(part, f"the same kind of numbers as in train, {train.stored.dtype}", found)
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
        return _Parts(given, split_off, values)

    def _given(self, part: Part) -> Split | None:
        """A part that the user's files hold, or None."""
        named = _names(part, _EXAMPLES)
        if text := self.files[part]:
            file = _File.at(text, part)
            name = (
                file.member
                or file.find((*_SYNONYMS[part], *named, *_EXAMPLES))
                or file.only(but=(*_LABELS, *_names(part, _LABELS)))
            )
            name = name or file.refuse_to_guess("the examples")
        else:  # only a file for training may hold several parts
            file = _File.at(self.files["train"], "train")
            found = None if file.member else file.find((*_SYNONYMS[part], *named))
            if not found:
                if self.label_files[part]:
                    refuse(
                        f"{part}_labels",
                        f"examples that they belong to (data.{part})",
                        "none",
                        f"A part that is split off takes its labels along: leave data.{part}_labels out.",
                    )
                return None
            name = found
        stored = self._examples(file.read(name) if self.in_memory else file.on_disk(), part, file)
        labels = self._labels(part, file, whole_file=name.lower() not in (*_SYNONYMS[part], *named))
        if labels is not None and (labels.shape != stored.shape[:1] or labels.dtype.kind not in "iu"):
            expected = f"integers of shape [{len(stored)}], one for each example of {part}"
            refuse(f"{part}_labels", expected, f"{labels.dtype} {list(labels.shape)}")
        return Split(stored, labels, self.divide_by)

    def _examples(self, array: Array | OnDisk, part: Part, file: _File) -> Array | OnDisk:
        if array.dtype.kind not in "biuf":
            refuse(part, "an array of real numbers", f"{array.dtype} in {file.path}")
        shape = array.shape
        if len(shape) < 2 or 0 in shape:
            one_number = len(shape) == 1 and shape[0]
            refuse(
                part,
                "an array [N, *E] of N examples of shape E, none of these 0",
                f"{list(shape)} in {file.path}",
                "Examples of one number are an array [N, 1]: save array[:, None]." if one_number else "",
            )
        event_shape = (*shape[1:], 1) if self.channel_axis and len(shape) == 3 else shape[1:]
        if isinstance(array, OnDisk):
            return array.as_events(event_shape)
        return _plain(array).reshape(-1, *event_shape)

    def _labels(self, part: Part, file: _File, whole_file: bool) -> Array | None:
        """The labels in a file of their own, or in the `file` of the examples if it has any."""
        named = _names(part, _LABELS)
        if text := self.label_files[part]:
            file = _File.at(text, f"{part}_labels")
            name = (
                file.member or file.find((*named, *_LABELS)) or file.only() or file.refuse_to_guess("the labels")
            )
        else:
            found = None if file.member else file.find((*named, *(_LABELS if whole_file else ())))
            if not found:
                return None
            name = found
        labels = _plain(file.read(name))
        return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels

    def _values(self, splits: dict[Part, Split]) -> Values:
        """The values that the data takes, all splits together, after the division."""
        seen = [values for part, split in splits.items() for values in _block_values(part, split)]
        low, high = min(v.low for v in seen), max(v.high for v in seen)
        values = Values(low, high, all(v.integer for v in seen))
        if self.binarize != "none" and values not in UNIT:
            hint = 'Set data.binarize = "none"'
            if low >= 0:
                highest = 255 if splits["train"].stored.dtype == np.uint8 else math.ceil(high * self.divide_by)
                hint = f'Set data.divide_by = {highest}, or data.binarize = "none"'
            refuse("binarize", "numbers from 0 to 1, to be taken as probabilities", str(values), f"{hint}.")
        return values


class _Parts(NamedTuple):
    """What the files hold.

    Args:
        splits: the three parts, as they are stored.
        split_off: which of them were split off from the training examples.
        values: what all of them take, after the division.
    """

    splits: dict[Part, Split]
    split_off: list[Part]
    values: Values


@dataclass(frozen=True)
class _File:
    """A .npy or .npz file and the names of its arrays."""

    parameter: str
    path: Path
    member: str  # the array that the user named, or ""
    names: tuple[str, ...]
    archive: bool  # a .npz file

    @classmethod
    def at(cls, text: str, parameter: str) -> _File:
        """The file that a parameter names, as `path` or as `path.npz:member`."""
        start, npz, member = text.partition(".npz:")
        path = Path(os.path.expanduser(start + ".npz" if npz else text))  # Path.expanduser may raise
        with _reading(path, parameter) as file:
            single = file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX  # a .npy file; its array may be large
            file.seek(0)
            names = ("array",) if single else tuple(np.load(file, allow_pickle=False))
        if member and member not in names:
            refuse(parameter, f"an array {member} in {path}", _listed(names))
        return cls(parameter, path, member, names, not single)

    def find(self, wanted: tuple[str, ...]) -> str | None:
        """The first array that has one of the names, in whatever case."""
        known = {name.lower(): name for name in reversed(self.names)}
        return next((known[name] for name in wanted if name in known), None)

    def only(self, but: tuple[str, ...] = ()) -> str | None:
        """The name of the array if there is one alone, not counting those named in `but`."""
        names = [name for name in self.names if name.lower() not in but]
        return names[0] if len(names) == 1 else None

    def refuse_to_guess(self, what: str) -> NoReturn:
        """Say that the names of the arrays do not tell which of them is meant."""
        hint = f'Name it: data.{self.parameter} = "{self.path}:{self.names[0]}".' if self.names else ""
        refuse(self.parameter, f"one array or known names for {what} in {self.path}", _listed(self.names), hint)

    def read(self, name: str) -> Array:
        """One of the arrays."""
        with _reading(self.path, self.parameter) as file:
            loaded: Array | Mapping[str, Array] = np.load(file, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else loaded[name]

    def on_disk(self) -> OnDisk:
        """The array of a .npy file, left where it is."""
        if self.archive:
            hint = "Save each array in a file of its own with numpy.save, or set data.in_memory = true."
            refuse(self.parameter, "a .npy file, to be read as needed", f"the archive {self.path}", hint)
        with _reading(self.path, self.parameter) as file:
            return OnDisk.open(self.path, file, self.parameter)


@contextmanager
def _reading(path: Path, parameter: str) -> Iterator[BinaryIO]:
    """The file, open; what numpy finds wrong with it is said clearly."""
    expected = "a .npy or .npz file"
    try:
        with open(path, "rb") as file:  # np.load leaves a damaged file open if it opens it
            yield file
    except ConfigError:  # which is a ValueError, and has said it
        raise
    except FileNotFoundError:
        refuse(parameter, expected, f"no file {path.absolute()}")
    except OSError as error:
        refuse(parameter, expected, f"{path}, which cannot be read ({error.strerror or error})")
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        refuse(parameter, expected, f"{path}, which is damaged ({error})")
    except ValueError as error:  # numpy's word for a pickle, for a truncated file, and for any other kind of file
        refuse(
            parameter,
            f"{expected} of numbers",
            f"{path}, which numpy does not read ({error})",
            'Python objects are never unpickled, as that may run any code: save array.astype("float32").',
        )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "no arrays"


def _names(part: Part, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The usual names of a part's arrays of some kind, as x_train and train_x."""
    return tuple(
        name
        for synonym in _SYNONYMS[part]
        for kind in kinds
        for name in (f"{kind}_{synonym}", f"{synonym}_{kind}")
    )


def _plain(array: Array) -> Array:
    return array.astype(plain(array.dtype), copy=False)


def _rows(split: Split, which: Array) -> Split:
    labels = None if split.labels is None else split.labels[which]
    stored = split.stored.part(which) if isinstance(split.stored, OnDisk) else split.stored[which]
    return replace(split, stored=stored, labels=labels)


def _block_values(part: Part, split: Split) -> Iterator[Values]:
    """The values of a split as a model sees them, block by block; refuses what is not finite in float32."""
    size = block(split)
    for start in range(0, len(split), size):
        with np.errstate(over="ignore"):  # too large for float32: found as infinite below
            x = replace(split, stored=split.stored[start : start + size]).intensities()
        if not (finite := np.isfinite(x)).all():
            place = start + int(np.argwhere(~finite)[0, 0])
            refuse(part, "finite numbers (in float32)", f"NaN or infinity in example {place}")
        yield Values.of(x)

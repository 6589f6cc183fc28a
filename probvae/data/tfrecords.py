"""A user's own examples in TFRecord files, streamed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias

from annotated_types import Gt, MinLen

from probvae.core import (
    BINARY,
    COUNTS,
    REAL,
    UNIT,
    Array,
    Binarize,
    Data,
    DataInfo,
    Dataset,
    Positive,
    Split,
    Values,
    available_memory,
    readable,
)
from probvae.data.feeding.binarize import binarised, block, protocol
from probvae.data.files.kinds import EMPTY, RECORDS, kind_of
from probvae.data.layout import Kind, Layout
from probvae.data.records import Records
from probvae.data.refusal import refuse, to_probabilities
from probvae.data.shards import Shard, find
from probvae.errors import DataError

Files: TypeAlias = str | tuple[str, ...]


class TFRecords(Dataset):
    """Your own examples from TFRecord files, for data that does not fit in memory: training streams them.

    A record is a tf.train.Example with a feature that holds an example. The files are not compressed. Validation
    and test examples are loaded into memory; of the training files only the records' places are kept, 8 bytes for
    each. Values are taken to be of the narrowest kind that all validation and test examples are of (0 and 1 only,
    numbers from 0 to 1, integers from 0 up, all numbers); a training example of another kind stops the training.

    Args:
        train: the files with the training examples: a path or a pattern, as train-*.tfrecord, or a list of such.
        validation: the files with the validation examples.
        test: the files with the test examples.
        shape: the shape of one example, as [28, 28, 1].
        feature: the feature that holds an example.
        dtype: its numbers as raw bytes (uint8, or little-endian float32) or as a list (float_list, int64_list).
        divide_by: what all values are divided by.
        binarize: dynamic (training examples afresh at every step), or none; the first takes the values as
            probabilities.
        shuffle_buffer: how many training examples are in memory for the random choice of the next one; a larger
            buffer mixes better.
    """

    def __init__(
        self,
        train: Files,
        validation: Files,
        test: Files,
        shape: Annotated[tuple[Positive, ...], MinLen(1)],
        feature: str = "image",
        dtype: Kind = "uint8",
        divide_by: Annotated[float, Gt(0)] = 1.0,
        binarize: Literal["dynamic", "none"] = "none",
        shuffle_buffer: Positive = 10_000,
    ) -> None:
        self.files: dict[str, Files] = {"train": train, "validation": validation, "test": test}
        self.layout = Layout(feature, tuple(shape), dtype)
        self.divide_by = divide_by
        self.binarize: Binarize = binarize
        self.shuffle_buffer = shuffle_buffer

    def info(self) -> DataInfo:
        """What the data is; this counts the records, and reads the validation and test examples.

        Raises:
            ConfigError: files are missing, or do not fit the parameters.
            DataError: a file is damaged.
        """
        train, validation, test, values, notes = self._parts
        steps = [f"values divided by {self.divide_by:g}" if self.divide_by != 1.0 else "values as in the files"]
        if self.binarize != "none":
            steps.append(protocol(self.binarize))
        given = [
            pattern for files in self.files.values() for pattern in ([files] if isinstance(files, str) else files)
        ]
        return DataInfo(
            event_shape=self.layout.shape,
            values=values if self.binarize == "none" else BINARY,
            sizes=(len(train), len(validation), len(test)),
            protocol="; ".join(steps),
            source=f"the user's files {', '.join(dict.fromkeys(given))}",
            notes=notes,
        )

    def load(self) -> Data:
        """The three splits: validation and test in memory, training as `Records`.

        Raises:
            ConfigError: files are missing, or do not fit the parameters.
            DataError: a file is damaged.
        """
        train, validation, test, *_ = self._parts
        return Data(self.info(), *binarised(train, validation, test, self.binarize))

    @cached_property
    def _parts(self) -> _Parts:
        parts = {part: self._records(part) for part in self.files}
        self._check_memory(parts)
        train, *others = parts.values()
        validation, test = (Split(records.load(), divide_by=self.divide_by) for records in others)
        seen = [Values.of(x) for split in (validation, test) for x in _blocks(split)]
        stored = Values(min(v.low for v in seen), max(v.high for v in seen), all(v.integer for v in seen))
        kinds = (BINARY, UNIT, COUNTS, REAL) if self.divide_by == 1 else (Values(0, self.divide_by), REAL)
        kind = next(kind for kind in kinds if stored in kind)
        values = kind if self.divide_by == 1 or kind == REAL else UNIT
        if self.binarize != "none" and values not in UNIT:
            hint = to_probabilities(stored, self.layout.shape)
            found = f"{stored} in the validation and test examples"
            refuse(
                "binarize", "numbers from 0 to 1 (after the division), to be taken as probabilities", found, hint
            )
        records = replace(train, values=kind, shuffle_buffer=self.shuffle_buffer)
        notes = tuple(self._note(part, records) for part, records in parts.items())
        return _Parts(Split(records, divide_by=self.divide_by), validation, test, values, notes)

    def _records(self, part: str) -> Records:
        """The examples of a part, the first of each of its files looked at.

        Raises:
            ConfigError: there are none, or they are not as the parameters say.
            DataError: a file is damaged.
        """
        paths = find(self.files[part], part)
        for path in paths:
            _check_kind(path, part)
        shards = tuple(map(Shard.counted, paths))
        if not sum(map(len, shards)):
            refuse(part, "at least one example", f"{len(shards)} files without any")
        for shard in shards:
            if len(shard) and (mistake := self.layout.mistake(shard.records([0])[0])):
                parameter, expected, found = mistake
                refuse(parameter, expected, f"{found} in record 0 of {shard.path}")
        return Records(shards, self.layout)

    def _check_memory(self, parts: dict[str, Records]) -> None:
        """Refuse, before examples are loaded, what there is no memory for.

        Raises:
            ConfigError: the validation and test examples, or the shuffle buffer, do not fit.
            DataError: a record is too short to hold an example.
        """
        train, *loaded = parts.values()
        for records in loaded:
            records.check_lengths()
        examples = (
            sum(len(records) for records in loaded) * math.prod(self.layout.shape) * self.layout.dtype.itemsize
        )
        longest = max(int(shard.lengths.max(initial=0)) for shard in train.shards)
        buffer = min(self.shuffle_buffer, len(train)) * longest
        available = available_memory()
        if available is None or examples + buffer <= available:
            return
        room = f"that fits in the {readable(available)} of memory that are available"
        if examples > buffer:
            hint = "Name fewer files: only training examples are streamed."
            refuse("validation", f"validation and test data {room}", readable(examples), hint)
        found = f"{readable(buffer)}, for {self.shuffle_buffer:,} records of up to {readable(longest)}"
        refuse("shuffle_buffer", f"a buffer {room}", found, "Set a smaller one.")

    def _note(self, part: str, records: Records) -> str:
        """What was taken for the examples of a part, and what else is in its records."""
        first = next(shard for shard in records.shards if len(shard))
        others = self.layout.others(first.records([0])[0])
        ignored = f"; ignored: {', '.join(others)}" if others else ""
        count = f"{len(records.shards):,} file{'s' * (len(records.shards) > 1)}"
        form = f"{self.layout.kind} {list(self.layout.shape)}"
        return f"{part}: feature {self.layout.feature} of {count}, {form}{ignored}"


def _check_kind(path: Path, parameter: str) -> None:
    """Refuse a file that is something else, or compressed; one without any record is none of this."""
    try:
        with open(path, "rb") as file:
            kind = kind_of(path, file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if kind not in (RECORDS, EMPTY):
        refuse(parameter, "TFRecord files without compression", f"{path}, which is {kind.what}", kind.advice)


class _Parts(NamedTuple):
    """The three parts, the values that a model sees before any binarisation, and what was taken for what."""

    train: Split
    validation: Split
    test: Split
    values: Values
    notes: tuple[str, ...]


def _blocks(split: Split) -> Iterator[Array]:
    size = block(split)
    for start in range(0, len(split), size):
        yield split.stored[start : start + size]

"""The dataset: a user's own examples in TFRecord files, streamed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias

from annotated_types import MinLen
from probvae import (
    BINARY,
    COUNTS,
    REAL,
    UNIT,
    ConfigError,
    Data,
    DataError,
    DataInfo,
    Dataset,
    FilePath,
    Positive,
    PositiveFloat,
    Split,
    Values,
)
from probvae.data import available_memory, binarize_splits, kind_of, not_probabilities, protocol, readable

from probvae_tfrecords.example_format import Encoding, ExampleFormat
from probvae_tfrecords.records import Records
from probvae_tfrecords.shards import Shard, find, is_tfrecord

Files: TypeAlias = FilePath | tuple[FilePath, ...]


class TFRecords(Dataset):
    """Your own examples from TFRecord files, for data that does not fit in memory: training streams them.

    A record is a tf.train.Example with a feature that holds an example. The files are not compressed. Validation
    and test examples are loaded into memory; of the training files only the positions of the records are, 8 bytes
    for each. The values are assumed to be of the narrowest kind that all validation and test examples are of (0
    and 1 only, numbers from 0 to 1, integers from 0 up, all numbers; bytes are 0 and 1 only, integers from 0 to
    `divide_by`, or from 0 to 255); a training example of another kind stops the training.

    Args:
        train: the files with the training examples: a path or a pattern, as train-*.tfrecord, or a list of such.
        validation: the files with the validation examples.
        test: the files with the test examples.
        shape: the shape of one example, as [28, 28, 1].
        feature: the feature that holds an example.
        dtype: its numbers as raw bytes (uint8, or little-endian float32) or as a list (float_list, int64_list).
        divide_by: the divisor of all values.
        binarize: dynamic (training examples afresh at every step), or none; the first uses the values as
            probabilities. Streamed examples are not kept, so that they cannot be binarised once.
        shuffle_buffer: the number of training examples in memory from which the next one is drawn; a larger buffer
            shuffles better.
    """

    def __init__(
        self,
        train: Files,
        validation: Files,
        test: Files,
        shape: Annotated[tuple[Positive, ...], MinLen(1)],
        feature: str = "image",
        dtype: Encoding = "uint8",
        divide_by: PositiveFloat = 1.0,
        binarize: Literal["dynamic", "none"] = "none",
        shuffle_buffer: Positive = 10_000,
    ) -> None:
        self.train = train
        self.validation = validation
        self.test = test
        self.shape = tuple(shape)
        self.feature = feature
        self.dtype = dtype
        self.divide_by = divide_by
        self.binarize = binarize
        self.shuffle_buffer = shuffle_buffer

    def info(self) -> DataInfo:
        """The description of the data; this counts the records, and reads the validation and test examples.

        Raises:
            ConfigError: files are missing, or do not fit the parameters.
            DataError: a file is damaged.
        """
        train, validation, test, values, notes = self._parts
        steps = [f"values divided by {self.divide_by:g}" if self.divide_by != 1.0 else "values as given"]
        if self.binarize != "none":
            steps.append(protocol(self.binarize))
        patterns = [pattern for files in self._files.values() for pattern in _patterns(files)]
        return DataInfo(
            event_shape=self.shape,
            values=values if self.binarize == "none" else BINARY,
            sizes=(len(train), len(validation), len(test)),
            protocol="; ".join(steps),
            source=f"the user's files {', '.join(dict.fromkeys(patterns))}",
            notes=notes,
        )

    def load(self) -> Data:
        """The three splits: validation and test in memory, training as `Records`.

        Raises:
            ConfigError: files are missing, or do not fit the parameters.
            DataError: a file is damaged.
        """
        train, validation, test, *_ = self._parts
        return Data(self.info(), *binarize_splits(train, validation, test, self.binarize))

    @property
    def _files(self) -> dict[str, Files]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @cached_property
    def _parts(self) -> _Parts:
        records = {part: self._records(part) for part in self._files}
        self._check_memory(records)
        validation, test = (
            Split(records[part].load(), divide_by=self.divide_by) for part in ("validation", "test")
        )
        stored = Values.of_all(Values.of(x) for split in (validation, test) for x in split.blocks())
        stored = replace(stored, one_hot=False)  # of the training examples that is not known
        kind = next(kind for kind in self._kinds if stored in kind)
        values = _divided(kind, self.divide_by)
        if self.binarize != "none" and values not in UNIT:
            seen = Values(stored.low / self.divide_by, stored.high / self.divide_by, values.integer)
            raise not_probabilities(seen, stored, self.shape)
        train = replace(records["train"], values=kind, shuffle_buffer=self.shuffle_buffer)
        notes = tuple(_note(part, found) for part, found in records.items())
        return _Parts(Split(train, divide_by=self.divide_by), validation, test, values, notes)

    @property
    def _kinds(self) -> tuple[Values, ...]:
        """The kinds of values that may be stored, the narrowest first."""
        if self.dtype == "uint8":
            return Values(0, min(255, int(self.divide_by)), integer=True), Values.levels(256)
        return (BINARY, UNIT, COUNTS, REAL) if self.divide_by == 1 else (Values(0, self.divide_by), REAL)

    def _records(self, part: str) -> Records:
        """The examples of a part, with a look at the first one of each of its files.

        Raises:
            ConfigError: there are none, or they are not as the parameters say.
            DataError: a file is damaged.
        """
        place, form = f"data.{part}", ExampleFormat(self.feature, self.shape, self.dtype)
        paths = find(_patterns(self._files[part]), place)
        for path in paths:
            _check_kind(path, place)
        shards = tuple(map(Shard.open, paths))
        if not sum(map(len, shards)):
            raise ConfigError.of(place, "at least one example", f"{len(shards)} files without any")
        for shard in shards:
            if len(shard) and (mistake := form.mistake(shard.records([0])[0])):
                got = f"{mistake.got} in record 0 of {shard.path}"
                raise ConfigError.of(f"data.{mistake.parameter}", mistake.expected, got)
        return Records(shards, form)

    def _check_memory(self, parts: dict[str, Records]) -> None:
        """Raise, before examples are loaded, if there is too little memory.

        Raises:
            ConfigError: the validation and test examples, or the shuffle buffer, do not fit.
            DataError: a record is too short to hold an example.
        """
        train, *loaded = parts.values()
        for records in loaded:
            records.check_lengths()
        examples = sum(len(records) for records in loaded) * train.form.size
        longest = max(int(shard.lengths.max(initial=0)) for shard in train.shards)
        buffer = min(self.shuffle_buffer, len(train)) * longest
        available = available_memory()
        if available is None or examples + buffer <= available:
            return
        room = f"that fits in the {readable(available)} of memory that are available"
        if examples > buffer:
            fix = "Name fewer files: only training examples are streamed."
            raise ConfigError.of("data.validation", f"validation and test data {room}", readable(examples), fix)
        got = f"{readable(buffer)}, for {self.shuffle_buffer:,} records of up to {readable(longest)}"
        raise ConfigError.of("data.shuffle_buffer", f"a buffer {room}", got, "Set a smaller one.")


class _Parts(NamedTuple):
    """The three parts, their values before any binarisation, and what was found in the files."""

    train: Split
    validation: Split
    test: Split
    values: Values
    notes: tuple[str, ...]


def _divided(values: Values, by: float) -> Values:
    """Values divided by a number: integers are multiples of a fraction then, if the number is whole."""
    steps = int(by) if values.integer and by == int(by) else 0
    return Values(values.low / by, values.high / by, integer=bool(steps), steps=steps or 1)


def _patterns(files: Files) -> tuple[str, ...]:
    return (files,) if isinstance(files, str) else files


def _check_kind(path: Path, place: str) -> None:
    """Raise if a file is of another kind, or compressed; a file without any record is none of this."""
    try:
        with open(path, "rb") as file:
            if is_tfrecord(file):
                return
            file.seek(0)
            kind = kind_of(path, file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    raise ConfigError.of(place, "TFRecord files without compression", f"{path}, which is {kind.what}", kind.advice)


def _note(part: str, records: Records) -> str:
    """What is read of a part, and what else is in its records."""
    form = records.form
    first = next(shard for shard in records.shards if len(shard))
    others = form.others(first.records([0])[0])
    ignored = f"; ignored: {', '.join(others)}" if others else ""
    count = f"{len(records.shards):,} file{'s' * (len(records.shards) > 1)}"
    return f"{part}: feature {form.feature} of {count}, {form.encoding} {list(form.shape)}{ignored}"

"""The examples of TFRecord files: streamed, or read one by one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf
from probvae import REAL, Array, DataError, DType, Rows, StreamedArray, Tensor, Values

from probvae_tfrecords.example_format import ExampleFormat, demand, within
from probvae_tfrecords.shards import Shard

_MARK = "probvae record "  # in TensorFlow's errors, with the number of an example
AT_ONCE = 8  # files that are read in turns
_AT_A_TIME = 2**22  # values
_OF_FILES = (
    tf.errors.DataLossError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.FailedPreconditionError,  # another number of records than there were
    UnicodeDecodeError,  # from TensorFlow's message on a record that is no Example
)


@dataclass(frozen=True, repr=False)
class Records(StreamedArray):
    """Examples in TFRecord files, numbered in the order of the files.

    Args:
        shards: the files.
        form: where and how a record holds an example.
        values: the values of the examples, as they are stored; others are an error.
        shuffle_buffer: the number of examples from which the next one is drawn when they are streamed.
    """

    shards: tuple[Shard, ...]
    form: ExampleFormat
    values: Values = REAL
    shuffle_buffer: int = 1

    def __repr__(self) -> str:
        return f"<Records: {len(self)} in {len(self.shards)} files>"

    @cached_property
    def starts(self) -> Array:
        """The number of each file's first example, and of all examples: int64 [S + 1]."""
        return np.cumsum([0, *map(len, self.shards)], dtype=np.int64)

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, *E]."""
        return len(self), *self.form.shape

    @property
    def dtype(self) -> DType:
        """The type of the numbers."""
        return self.form.dtype

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, which: Rows) -> Array:
        rows = np.array(range(len(self))[which], np.int64) if isinstance(which, slice) else which
        contents = np.empty(len(rows), object)
        files = np.searchsorted(self.starts, rows, side="right") - 1
        for file in np.unique(files):
            places = np.flatnonzero(files == file)
            found = self.shards[file].records((rows[places] - self.starts[file]).tolist())
            for place, content in zip(places, found, strict=True):
                contents[place] = content
        try:
            with tf.device("CPU"):
                array: Array = self.decode(tf.constant(contents, tf.string), tf.constant(rows, tf.int64)).numpy()
        except Exception as error:
            raise self.fault(error) or error from None
        return array

    def epoch(self, seed: Tensor) -> tf.data.Dataset:
        """The numbers and records of an epoch's examples.

        The files are read in a random order, some of them in turns, and each example is drawn from the next ones,
        as many as the shuffle buffer holds.
        """
        files = tf.random.experimental.stateless_shuffle(tf.range(len(self.shards)), tf.random.fold_in(seed, 0))
        return _shuffled(self.dataset(files, AT_ONCE), self.shuffle_buffer, tf.random.fold_in(seed, 1))

    def load(self) -> Array:
        """All examples, in memory."""
        array, end = np.empty(self.shape, self.dtype), 0
        size = max(1, _AT_A_TIME // max(1, array[:1].size))
        blocks = self.dataset(tf.range(len(self.shards))).batch(size)
        try:
            for block in blocks.map(lambda indices, records: self.decode(records, indices)):
                array[end : end + len(block)] = block
                end += len(block)
        except Exception as error:
            raise self.fault(error) or error from None
        return array

    def check_lengths(self) -> None:
        """Compare the length of each record with the least that an example needs, before memory is allocated.

        Raises:
            DataError: one is shorter.
        """
        for shard in self.shards:
            short = np.flatnonzero(shard.lengths < self.form.least_bytes)
            if len(short):
                raise self._wrong(shard, int(short[0]), shard.records([short[0]])[0])

    def dataset(self, order: Tensor, at_once: int = 1) -> tf.data.Dataset:
        """The examples' numbers and records, [] and []; checksums are compared.

        Args:
            order: the numbers of the files, in the order in which they are read.
            at_once: the number of files that are read in turns.
        """
        paths, counts = [str(shard.path) for shard in self.shards], np.diff(self.starts)

        def read(file: Tensor) -> tf.data.Dataset:
            records = tf.data.TFRecordDataset(tf.gather(paths, file))
            whole = records.apply(tf.data.experimental.assert_cardinality(tf.gather(counts, file)))
            return whole.enumerate(tf.gather(self.starts, file))

        return tf.data.Dataset.from_tensor_slices(order).interleave(read, cycle_length=at_once)

    def decode(self, records: Tensor, indices: Tensor) -> Tensor:
        """The stored examples [B, *E] of records [B] with these numbers [B]."""
        names = tf.strings.join([_MARK, tf.strings.as_string(indices)])
        stored = self.form.parse(records, names)
        return demand(within(stored, self.values), stored, names)

    def place(self, index: int) -> str:
        """The name of an example in a message: its file, and which of its records it is."""
        shard, number = self._find(index)
        return f"{shard.path.name} record {number}"

    def _find(self, index: int) -> tuple[Shard, int]:
        """The file of an example, and which of its records it is."""
        file = int(np.searchsorted(self.starts, index, side="right")) - 1
        return self.shards[file], index - int(self.starts[file])

    def fault(self, error: Exception) -> DataError | None:
        """The damage in the files that an error comes from; None if it is not about them."""
        if isinstance(error, DataError):
            return error
        if named := re.search(rf"{_MARK}(\d+)", str(error)):
            shard, number = self._find(int(named[1]))
            return self._wrong(shard, number, shard.records([number])[0])
        if isinstance(error, _OF_FILES) or "Could not parse example" in str(error):
            return next(filter(None, map(self._damage, self.shards)), None)
        return None

    def _damage(self, shard: Shard) -> DataError | None:
        """What is wrong with a file; the whole of it is read for this."""
        try:
            now = Shard.open(shard.path)
        except DataError as error:
            return error
        if not np.array_equal(now.bounds, shard.bounds):
            return DataError(f"{shard.path}: changed since it was opened. Start again.")
        whole = 0
        try:
            for record in tf.data.TFRecordDataset(str(shard.path)).as_numpy_iterator():
                if self.form.mistake(record):
                    return self._wrong(shard, whole, record)
                whole += 1
        except tf.errors.DataLossError:
            return DataError(f"{shard.path}: record {whole} is damaged: its checksum differs. Replace the file.")
        return None

    def _wrong(self, shard: Shard, number: int, record: bytes) -> DataError:
        if mistake := self.form.mistake(record):
            _, expected, found = mistake
        else:
            x = self.form.parse(tf.constant([record]), tf.constant([""])).numpy()
            expected = (
                f"{self.values}, as in the validation and test examples" if self.values != REAL else "numbers"
            )
            found = str(Values.of(x)) if np.isfinite(x).all() else "NaN or infinity"
        return DataError(f"{shard.path}, record {number}: expected {expected}; got {found}.")


def _shuffled(examples: tf.data.Dataset, buffer: int, seed: Tensor) -> tf.data.Dataset:
    """`Dataset.shuffle` as a function of a seed [2] alone, without TensorFlow's global seed."""
    words = tf.random.stateless_uniform((2,), seed, minval=1, maxval=tf.int64.max, dtype=tf.int64)
    spec = examples.element_spec
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(examples),
        buffer_size=buffer,
        seed=words[0],
        seed2=words[1],
        output_types=[part.dtype for part in spec],
        output_shapes=[part.shape for part in spec],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, spec)

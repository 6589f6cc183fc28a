"""Training batches of examples that are streamed from TFRecord files."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from probvae.core import Seed, Split, Stream, Tensor, fold_in
from probvae.data.epochs import Batch, TrainingBatches, read_ahead
from probvae.data.records import Records
from probvae.errors import DataError

_AT_ONCE = 8  # files that are read in turns


class RecordBatches(TrainingBatches):
    """The training batches of TFRecord files, each epoch's read and shuffled anew.

    An epoch reads the files in a random order, eight in turns, and draws each example from the next ones, as many
    as the shuffle buffer holds. To get to a step inside an epoch, the epoch is read from its start and the batches
    before it are dropped, undecoded.

    Args:
        split: the examples, stored as `Records`.
        batch_size: how many examples a batch has.
        seed: what the order and the binarisation are a function of, beside the step.
        multiple_of: the size of a batch of fewer examples than that (of a small split) is rounded up to a multiple
            of this.
    """

    def __init__(self, split: Split, batch_size: int, seed: Seed, multiple_of: int = 1) -> None:
        super().__init__(split, batch_size, seed, multiple_of)
        if not isinstance(split.stored, Records):
            raise TypeError(f"Expected a split that is stored as Records; got {type(split.stored).__name__}.")
        self._records = split.stored

    def indices(self, step: int) -> Tensor:
        """Which examples the batch of a step has, those that fill it up included: int64 [B]."""
        _, indices, _ = next(iter(self._drawn(step)))
        return indices

    def batch(self, step: int) -> Batch:
        """The examples of a step as a model sees them."""
        return next(iter(self._drawn(step).map(self._prepared)))

    def stream(self, first: int) -> Iterator[Batch]:
        """The batches of the steps from `first` on, without end, each made while the one before is in use."""
        return read_ahead(self._drawn(first).map(self._prepared))

    def place(self, index: int) -> str:
        """What to call an example in a message: its file, and which of its records it is."""
        shard, number = self._records.place(index)
        return f"{shard.path.name} record {number}"

    def fault(self, error: Exception) -> DataError | None:
        """What an error that came out of a stream says of the files; None if it is not about them."""
        return self._records.fault(error)

    def _drawn(self, first: int) -> tf.data.Dataset:
        """From a step on: its number [], its examples' numbers [B] and their records [B]."""
        epoch, done = divmod(first, self.steps_per_epoch)
        batches = tf.data.Dataset.range(epoch, tf.int64.max).flat_map(self._epoch).skip(done)
        return batches.enumerate(first).map(self._filled)

    def _epoch(self, epoch: Tensor) -> tf.data.Dataset:
        """The numbers and records of an epoch's examples, in its order and in batches, the last one smaller."""
        seed = fold_in(self._seed, Stream.ORDER, epoch)
        files = tf.random.experimental.stateless_shuffle(tf.range(len(self._records.shards)), fold_in(seed, 0))
        examples = self._records.dataset(files, _AT_ONCE)
        return _shuffled(examples, self._records.shuffle_buffer, fold_in(seed, 1)).batch(self.size)

    def _filled(self, step: Tensor, drawn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """A batch filled up with its own first examples."""
        indices, records = drawn
        places = tf.range(self.size) % tf.shape(indices)[0]
        return step, tf.gather(indices, places), tf.gather(records, places)

    def _prepared(self, step: Tensor, indices: Tensor, records: Tensor) -> Batch:
        stored = tf.ensure_shape(self._records.parse(records, indices), (self.size, *self._records.shape[1:]))
        x = self._split.prepare(stored, fold_in(self._seed, Stream.BINARIZE, step))
        return Batch(x, self._weights(step))


def _shuffled(examples: tf.data.Dataset, buffer: int, seed: Tensor) -> tf.data.Dataset:
    """What `Dataset.shuffle` gives, as a function of a seed [2] alone: there TensorFlow's global seed comes in."""
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

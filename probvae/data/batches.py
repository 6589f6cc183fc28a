"""The order of examples as a function of (seed, step): nothing to store, nothing to restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from probvae.core import Array, Seed, Split, Stream, Tensor, fold_in
from probvae.data.epochs import Batch, TrainingBatches, read_ahead, weights
from probvae.data.record_batches import RecordBatches
from probvae.data.records import Records
from probvae.errors import DataError

# One pass of index_shuffle tells only about 2^17 seeds apart, so that some two of 500 epochs would have the
# same order; and of neighbouring seeds, as fold_in returns them, it tells 256 apart: hence the hashed keys.
_PASSES = 3


class Batches(TrainingBatches):
    """The training batches of examples that can be read in any order, each epoch's a permutation of them all.

    Args:
        split: what to take the examples from; an array is copied once, into the host's memory.
        batch_size: how many examples a batch has.
        seed: what the order and the binarisation are a function of, beside the step.
        multiple_of: the size of a batch of fewer examples than that (of a small split) is rounded up to a multiple
            of this.
    """

    def __init__(self, split: Split, batch_size: int, seed: Seed, multiple_of: int = 1) -> None:
        super().__init__(split, batch_size, seed, multiple_of)
        self._gather = self._in_memory(split.stored) if isinstance(split.stored, np.ndarray) else self._elsewhere
        self._fault: DataError | None = None

    def indices(self, step: Tensor) -> Tensor:
        """Which examples the batch of a step has, those that fill it up included: int64 [B]."""
        count = len(self._split)
        step = tf.cast(step, tf.int64)
        positions = (step % self.steps_per_epoch * self.size + tf.range(self.size, dtype=tf.int64)) % count
        epoch_seed = fold_in(self._seed, Stream.ORDER, step // self.steps_per_epoch)
        keys = tf.random.stateless_uniform((_PASSES, 2), epoch_seed, minval=None, maxval=None, dtype=tf.int32)
        for key in tf.unstack(keys):
            positions = tf.random.experimental.index_shuffle(positions, key, tf.constant(count - 1, tf.int64))
        return positions

    def batch(self, step: Tensor) -> Batch:
        """The examples of a step as a model sees them; `step` may be a tensor in a graph."""
        with tf.device("CPU"):
            stored = self._gather(self.indices(step))
        x = self._split.prepare(stored, fold_in(self._seed, Stream.BINARIZE, step))
        return Batch(x, self._weights(tf.cast(step, tf.int64)))

    def stream(self, first: int) -> Iterator[Batch]:
        """The batches of the steps from `first` on, without end, each made while the one before is in use."""
        return read_ahead(tf.data.Dataset.range(first, tf.int64.max).map(self.batch))

    def fault(self, error: Exception) -> DataError | None:
        """What was wrong with a file; TensorFlow makes a text of it on its way through a stream."""
        return self._fault if isinstance(error, tf.errors.OpError) else None

    @staticmethod
    def _in_memory(array: Array) -> Callable[[Tensor], Tensor]:
        with tf.device("CPU"):  # accelerators are for the model; a batch moves there by itself
            stored = tf.constant(array)
        return lambda indices: tf.gather(stored, indices)

    def _elsewhere(self, indices: Tensor) -> Tensor:
        stored = self._split.stored

        def read(which: Array) -> Array:
            try:
                return stored[which]
            except DataError as error:
                self._fault = error
                raise

        rows = tf.numpy_function(read, [indices], stored.dtype)
        return tf.ensure_shape(rows, (self.size, *stored.shape[1:]))


def batches_of(split: Split, batch_size: int, seed: Seed, multiple_of: int = 1) -> TrainingBatches:
    """The training batches of a split, by the way in which its examples can be read.

    Args:
        split: what to take the examples from.
        batch_size: how many examples a batch has.
        seed: what the order and the binarisation are a function of, beside the step.
        multiple_of: what the size of a batch of all examples is rounded up to a multiple of.
    """
    kind = RecordBatches if isinstance(split.stored, Records) else Batches
    return kind(split, batch_size, seed, multiple_of)


def in_order(split: Split, size: int, seed: Seed) -> Iterator[tuple[Batch, int]]:
    """All examples of a split in the order in which they are stored, and how many of each batch are not filling.

    Args:
        split: the examples.
        size: B, how many at a time; the last batch is filled up with the first examples.
        seed: what the binarisation of a dynamic split is a function of; fold a stream in first, as training takes
            its bits from the bare seed.
    """
    for number, start in enumerate(range(0, len(split), size)):
        which = tf.range(start, start + size) % len(split)
        x = split.prepare(split.stored[which.numpy()], fold_in(seed, Stream.BINARIZE, number))
        yield Batch(x, weights(size, len(split) - start)), min(size, len(split) - start)


def chunks(split: Split, size: int, seed: Seed) -> Iterator[Tensor]:
    """All examples of a split in the order in which they are stored, float32 [B, *E] each, B <= size.

    Args:
        split: the examples.
        size: how many at a time.
        seed: what the binarisation of a dynamic split is a function of; fold a stream in first, as training takes
            its bits from the bare seed.
    """
    for number, start in enumerate(range(0, len(split), size)):
        yield split.prepare(split.stored[start : start + size], fold_in(seed, Stream.BINARIZE, number))

"""Batches of examples, in an order that is a function of (seed, step): nothing to store, nothing to restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import numpy as np
import tensorflow as tf

from probvae.core import Array, Batch, Seed, Split, Stream, StreamedArray, Tensor, fold_in, without_autograph
from probvae.errors import ConfigError, DataError

# One pass of index_shuffle distinguishes only about 2^17 seeds, so that some two of 500 epochs would have the
# same order; and of neighbouring seeds, as fold_in returns them, it distinguishes 256: hence the hashed keys.
_PASSES = 3
_READ_AHEAD = 4

P = ParamSpec("P")
T = TypeVar("T")


class Batches:
    """The training batches of a split. Each epoch has every example once, in an order of its own.

    Which examples a step has, and their binarisation, are a function of the seed and the step. The order of an
    epoch is a random permutation; a `StreamedArray` has its own. An epoch's last batch has fewer examples where
    the batch size does not divide their number. It is padded with others of the epoch, of weight 0, so that every
    batch has the same shape.

    Args:
        split: the examples; arrays are copied once, into the host's memory.
        batch_size: how many examples a batch has.
        seed: the order and the binarisation are a function of it and the step.
        replicas: number of replicas; the size of a batch of all examples (of a small split) is rounded up to a
            multiple of it.

    Attributes:
        size: B, the size of every batch.
        steps_per_epoch: how many batches hold every example once.

    Raises:
        ConfigError: the split is empty, or the batch size is below 1.
    """

    def __init__(self, split: Split, batch_size: int, seed: Seed, replicas: int = 1) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size: expected at least 1; got {batch_size}.", "batch_size")
        if not len(split):
            raise ConfigError("Expected a split with at least one example; got an empty one.")
        self._split = split
        self._seed = seed
        self._streamed = split.stored if isinstance(split.stored, StreamedArray) else None
        self._gather = _in_memory(split.stored) if isinstance(split.stored, np.ndarray) else self._elsewhere
        self._condition, self._labels, self._observed = (
            (lambda indices: None) if array is None else _in_memory(array)
            for array in (split.condition, split.labels, split.observed)
        )
        self._fault: DataError | None = None
        self.size = min(batch_size, -(-len(split) // replicas) * replicas)
        self.steps_per_epoch = -(-len(split) // self.size)

    def examples(self, step: int) -> int:
        """How many examples the batch of a step has, padding not counted."""
        return min(self.size, self._left(step))

    def indices(self, step: int) -> Tensor:
        """Which examples the batch of a step has, padding included: int64 [B]."""
        return self._at(step)[1]

    def batch(self, step: int) -> Batch:
        """The examples of a step as a model sees them."""
        return self._prepared(*self._at(step))

    def stream(self, first: int) -> Iterator[Batch]:
        """The batches of the steps from `first` on, without end, each prepared while the one before is in use."""
        options = tf.data.Options()
        options.autotune.enabled = False
        batches = self._drawn(first).map(self._unconverted(self._prepared))
        return iter(batches.prefetch(_READ_AHEAD).with_options(options))

    def place(self, index: int) -> str:
        """The name of an example in a message."""
        return self._streamed.place(index) if self._streamed else self._split.name_of(index)

    def fault(self, error: Exception) -> DataError | None:
        """The damaged data that an error from a stream comes from; None if it comes from elsewhere."""
        if self._streamed:
            return self._streamed.fault(error)
        return self._fault if isinstance(error, tf.errors.OpError) else None

    def _drawn(self, first: int) -> tf.data.Dataset:
        """From a step on: its number [], its examples' numbers [B], and what is stored of them, [B, ...]."""
        if not self._streamed:
            return tf.data.Dataset.range(first, tf.int64.max).map(without_autograph(self._gathered))
        epochs = tf.data.Dataset.range(first // self.steps_per_epoch, tf.int64.max)
        batches = epochs.flat_map(self._unconverted(self._epoch)).skip(first % self.steps_per_epoch)
        return batches.enumerate(first).map(without_autograph(self._padded))

    def _unconverted(self, function: Callable[P, T]) -> Callable[P, T]:
        """A function for a stream, without AutoGraph unless streamed examples are of others."""
        return without_autograph(function, *([self._streamed] if self._streamed else []))

    def _at(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """The same of one step; of examples that are streamed, the epoch is read up to it."""
        if self._streamed:
            drawn: tuple[Tensor, Tensor, Tensor] = next(iter(self._drawn(step)))
            return drawn
        return self._gathered(tf.cast(step, tf.int64))

    def _gathered(self, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same of a step, of examples that can be read in any order."""
        indices = self._permuted(step)
        with tf.device("CPU"):
            return step, indices, self._gather(indices)

    def _permuted(self, step: Tensor) -> Tensor:
        """Which examples the batch of a step has, of those that can be read in any order: int64 [B]."""
        count = len(self._split)
        positions = (step % self.steps_per_epoch * self.size + tf.range(self.size, dtype=tf.int64)) % count
        epoch_seed = fold_in(self._seed, Stream.ORDER, step // self.steps_per_epoch)
        keys = tf.random.stateless_uniform((_PASSES, 2), epoch_seed, minval=None, maxval=None, dtype=tf.int32)
        for key in tf.unstack(keys):
            positions = tf.random.experimental.index_shuffle(positions, key, tf.constant(count - 1, tf.int64))
        return positions

    def _epoch(self, epoch: Tensor) -> tf.data.Dataset:
        """The batches of an epoch of streamed examples, the last one smaller."""
        assert self._streamed
        examples = self._streamed.epoch(fold_in(self._seed, Stream.ORDER, epoch))
        return examples.apply(tf.data.experimental.assert_cardinality(len(self._split))).batch(self.size)

    def _padded(self, step: Tensor, drawn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """A batch of streamed examples, padded with its own first ones."""
        indices, content = drawn
        places = tf.range(self.size) % tf.shape(indices)[0]
        return step, tf.gather(indices, places), tf.gather(content, places)

    def _prepared(self, step: Tensor, indices: Tensor, stored: Tensor) -> Batch:
        if self._streamed:
            stored = self._streamed.decode(stored, indices)
        stored = tf.ensure_shape(stored, (self.size, *self._split.stored.shape[1:]))
        indices = tf.ensure_shape(indices, (self.size,))
        with tf.device("CPU"):
            condition, labels, observed = self._condition(indices), self._labels(indices), self._observed(indices)
        x = self._split.prepare(stored, fold_in(self._seed, Stream.BINARIZE, step), observed)
        labels = None if labels is None else tf.cast(labels, tf.int64)
        return Batch(x, condition, labels, observed, indices, _weights(self.size, self._left(step)))

    def _left(self, step: Tensor) -> Tensor:
        """How many examples of the epoch are left before a step."""
        return len(self._split) - step % self.steps_per_epoch * self.size

    def _elsewhere(self, indices: Tensor) -> Tensor:
        stored = self._split.stored

        def read(which: Array) -> Array:
            try:
                return stored[which]
            except DataError as error:  # TensorFlow turns it into text on its way through a stream
                self._fault = error
                raise

        return tf.numpy_function(read, [indices], stored.dtype)


def _in_memory(array: Array) -> Callable[[Tensor], Tensor]:
    """What gathers rows of an array by their numbers."""
    with tf.device("CPU"):  # accelerators are for the model; a batch moves there by itself
        stored = tf.constant(array)
    return lambda indices: tf.gather(stored, indices)


def padded_batches(split: Split, size: int, seed: Seed) -> Iterator[tuple[Batch, int]]:
    """All examples of a split in the order in which they are stored, in batches of one size.

    Args:
        split: the examples.
        size: B; the last batch is padded with the first examples.
        seed: of the binarisation, where the split has `binarize_on_read`; fold a stream in first, as training uses
            the bare seed for its own.

    Yields:
        Each batch with its number of real (not padded) examples.
    """
    for number, start in enumerate(range(0, len(split), size)):
        which = np.arange(start, start + size) % len(split)
        batch = split.batch(which, fold_in(seed, Stream.BINARIZE, number))
        yield batch._replace(weights=_weights(size, len(split) - start)), min(size, len(split) - start)


def batches_in_order(split: Split, size: int, seed: Seed) -> Iterator[Batch]:
    """All examples of a split in the order in which they are stored, in batches of at most `size`.

    Args:
        split: the examples.
        size: how many at a time.
        seed: of the binarisation, where the split has `binarize_on_read`; fold a stream in first, as training uses
            the bare seed for its own.
    """
    for number, start in enumerate(range(0, len(split), size)):
        yield split.batch(slice(start, start + size), fold_in(seed, Stream.BINARIZE, number))


def _weights(size: int, left: Tensor) -> Tensor:
    """1/n for the first n = min(size, left) of `size` examples, 0 for the others: [size]."""
    left = tf.cast(tf.minimum(left, size), tf.float32)
    return tf.where(tf.range(size, dtype=tf.float32) < left, 1.0 / left, 0.0)

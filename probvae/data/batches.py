"""The order of examples as a function of (seed, step): nothing to store, nothing to restore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from probvae.core import Seed, Split, Stream, Tensor, fold_in
from probvae.errors import ConfigError

# One pass of index_shuffle tells only about 2^17 seeds apart, so that some two of 500 epochs would have the
# same order; and of neighbouring seeds, as fold_in returns them, it tells 256 apart: hence the hashed keys.
_PASSES = 3
_READ_AHEAD = 4


class Batch(NamedTuple):
    """What a step is taken on. All batches of a training have one shape.

    Args:
        x: the examples, float32 [B, *E].
        weights: [B], 1/n for each of the n examples of the step, 0 for those that only fill it up.
    """

    x: Tensor
    weights: Tensor


class Batches:
    """The training batches of a split. Each epoch has every example once, in an order of its own.

    An epoch's last batch has fewer examples where the batch size does not divide their number. It is filled up
    with the epoch's first ones, which weigh nothing, so that every batch has the same shape.

    Args:
        split: what to take the examples from; they are copied once, into the host's memory.
        batch_size: how many examples a batch has.
        seed: what the order and the binarisation are a function of, beside the step.
        multiple_of: the size of a batch of fewer examples than that (of a small split) is rounded up to a multiple
            of this.

    Attributes:
        size: B, the size of every batch.
        steps_per_epoch: how many batches hold every example once.
    """

    def __init__(self, split: Split, batch_size: int, seed: Seed, multiple_of: int = 1) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size: expected at least 1; found {batch_size}.", "batch_size")
        if not len(split):
            raise ConfigError("Expected a split with at least one example; found an empty one.")
        self._split = split
        self._seed = seed
        self.size = min(batch_size, -(-len(split) // multiple_of) * multiple_of)
        self.steps_per_epoch = -(-len(split) // self.size)
        with tf.device("CPU"):  # accelerators are for the model; a batch moves there by itself
            self._stored = tf.constant(split.stored)

    def examples(self, step: int) -> int:
        """How many examples the batch of a step has, not counting those that fill it up."""
        return min(self.size, len(self._split) - step % self.steps_per_epoch * self.size)

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
            stored = tf.gather(self._stored, self.indices(step))
        x = self._split.prepare(stored, fold_in(self._seed, Stream.BINARIZE, step))
        start = tf.cast(step, tf.int64) % self.steps_per_epoch * self.size
        return Batch(x, _weights(self.size, len(self._split) - start))

    def stream(self, first: int) -> Iterator[Batch]:
        """The batches of the steps from `first` on, without end, each made while the one before is in use."""
        steps = tf.data.Dataset.range(first, tf.int64.max)
        options = tf.data.Options()
        options.autotune.enabled = False
        return iter(steps.map(self.batch).prefetch(_READ_AHEAD).with_options(options))


def in_order(split: Split, size: int, seed: Seed = 0) -> Iterator[tuple[Batch, int]]:
    """All examples of a split in the order in which they are stored, and how many of each batch are not filling.

    Args:
        split: the examples.
        size: B, how many at a time; the last batch is filled up with the first examples.
        seed: what the binarisation of a dynamic split is a function of; other splits need none.
    """
    for number, start in enumerate(range(0, len(split), size)):
        which = tf.range(start, start + size) % len(split)
        x = split.prepare(split.stored[which.numpy()], fold_in(seed, Stream.BINARIZE, number))
        yield Batch(x, _weights(size, len(split) - start)), min(size, len(split) - start)


def chunks(split: Split, size: int, seed: Seed = 0) -> Iterator[Tensor]:
    """All examples of a split in the order in which they are stored, float32 [B, *E] each, B <= size.

    Args:
        split: the examples.
        size: how many at a time.
        seed: what the binarisation of a dynamic split is a function of; other splits need none.
    """
    for number, start in enumerate(range(0, len(split), size)):
        yield split.prepare(split.stored[start : start + size], fold_in(seed, Stream.BINARIZE, number))


def _weights(size: int, left: Tensor) -> Tensor:
    """1/n for the first n = min(size, left) of `size` examples, 0 for the others: [size]."""
    left = tf.cast(tf.minimum(left, size), tf.float32)
    return tf.where(tf.range(size, dtype=tf.float32) < left, 1.0 / left, 0.0)

"""The order of examples as a function of (seed, step): nothing to store, nothing to restore."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from probvae.core import Seed, Split, Stream, Tensor, fold_in
from probvae.errors import ConfigError

# One pass of index_shuffle tells only about 2^17 seeds apart, so that some two of 500 epochs would have the
# same order; and of neighbouring seeds, as fold_in returns them, it tells 256 apart: hence the hashed keys.
_PASSES = 3


class Batches:
    """The training batches of a split. Each epoch has every example once, in an order of its own.

    An epoch's last batch is smaller where the batch size does not divide the number of examples.

    Args:
        split: what to take the examples from; they are copied once, into the host's memory.
        batch_size: how many examples a batch has.
        seed: what the order and the binarisation are a function of, beside the step.

    Attributes:
        steps_per_epoch: how many batches hold every example once.
    """

    def __init__(self, split: Split, batch_size: int, seed: Seed) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size: expected at least 1; found {batch_size}.", "batch_size")
        if not len(split):
            raise ConfigError("Expected a split with at least one example; found an empty one.")
        self._split = split
        self._size = min(batch_size, len(split))
        self._seed = seed
        self.steps_per_epoch = -(-len(split) // self._size)
        with tf.device("CPU"):  # accelerators are for the model; a batch moves there by itself
            self._stored = tf.constant(split.stored)

    def indices(self, step: Tensor) -> Tensor:
        """Which examples the batch of a step has: int64 [B]."""
        count, size = len(self._split), self._size
        step = tf.cast(step, tf.int64)
        start = step % self.steps_per_epoch * size
        if count % size == 0:
            positions = start + tf.range(size, dtype=tf.int64)  # all of one static shape
        else:
            positions = tf.range(start, tf.minimum(start + size, count))
        epoch_seed = fold_in(self._seed, Stream.ORDER, step // self.steps_per_epoch)
        keys = tf.random.stateless_uniform((_PASSES, 2), epoch_seed, minval=None, maxval=None, dtype=tf.int32)
        for key in tf.unstack(keys):
            positions = tf.random.experimental.index_shuffle(positions, key, tf.constant(count - 1, tf.int64))
        return positions

    def batch(self, step: Tensor) -> Tensor:
        """The examples of a step as a model sees them, float32 [B, *E]; `step` may be a tensor in a graph.

        XLA compiles neither this order nor a smaller last batch: call it outside of compiled functions.
        """
        with tf.device("CPU"):
            stored = tf.gather(self._stored, self.indices(step))
        return self._split.prepare(stored, fold_in(self._seed, Stream.BINARIZE, step))


def chunks(split: Split, size: int, seed: Seed = 0) -> Iterator[Tensor]:
    """All examples of a split in the order in which they are stored, float32 [B, *E] each, B <= size.

    Args:
        split: the examples.
        size: how many at a time.
        seed: what the binarisation of a dynamic split is a function of; other splits need none.
    """
    for number, start in enumerate(range(0, len(split), size)):
        yield split.prepare(split.stored[start : start + size], fold_in(seed, Stream.BINARIZE, number))

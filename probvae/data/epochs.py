"""What a trainer asks of training batches, wherever the examples are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from probvae.core import Seed, Split, Tensor
from probvae.errors import ConfigError, DataError

_READ_AHEAD = 4


class Batch(NamedTuple):
    """What a step is taken on. All batches of a training have one shape.

    Args:
        x: the examples, float32 [B, *E].
        weights: [B], 1/n for each of the n examples of the step, 0 for those that only fill it up.
    """

    x: Tensor
    weights: Tensor


class TrainingBatches(ABC):
    """The training batches of a split. Each epoch has every example once, in an order of its own.

    Which examples a step has, and their binarisation, are a function of the seed and the step. An epoch's last
    batch has fewer examples where the batch size does not divide their number. It is filled up with others of the
    epoch, which weigh nothing, so that every batch has the same shape.

    Args:
        split: what to take the examples from.
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
            raise ConfigError(f"batch_size: expected at least 1; got {batch_size}.", "batch_size")
        if not len(split):
            raise ConfigError("Expected a split with at least one example; got an empty one.")
        self._split = split
        self._seed = seed
        self.size = min(batch_size, -(-len(split) // multiple_of) * multiple_of)
        self.steps_per_epoch = -(-len(split) // self.size)

    def examples(self, step: int) -> int:
        """How many examples the batch of a step has, not counting those that fill it up."""
        return min(self.size, len(self._split) - step % self.steps_per_epoch * self.size)

    @abstractmethod
    def indices(self, step: int) -> Tensor:
        """Which examples the batch of a step has, those that fill it up included: int64 [B]."""

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """The examples of a step as a model sees them."""

    @abstractmethod
    def stream(self, first: int) -> Iterator[Batch]:
        """The batches of the steps from `first` on, without end, each made while the one before is in use."""

    def place(self, index: int) -> str:
        """What to call an example in a message."""
        return str(index)

    def fault(self, error: Exception) -> DataError | None:
        """What an error that came out of a stream says of the data; None if it is not about the data."""
        return None

    def _weights(self, step: Tensor) -> Tensor:
        """The weights of the batch of a step, an int64: [B]."""
        return weights(self.size, len(self._split) - step % self.steps_per_epoch * self.size)


def weights(size: int, left: Tensor) -> Tensor:
    """1/n for the first n = min(size, left) of `size` examples, 0 for the others: [size]."""
    left = tf.cast(tf.minimum(left, size), tf.float32)
    return tf.where(tf.range(size, dtype=tf.float32) < left, 1.0 / left, 0.0)


def read_ahead(batches: tf.data.Dataset) -> Iterator[Batch]:
    """The batches of a dataset, a few of them made before they are asked for."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return iter(batches.prefetch(_READ_AHEAD).with_options(options))

"""Replicas that share a batch: each has some of its rows, and what they compute is summed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import tensorflow as tf

from probvae.core.batch import Batch
from probvae.core.types import Tensor

T = TypeVar("T")

_APART: ContextVar[bool] = ContextVar("apart", default=False)


@dataclass(frozen=True)
class Replicas:
    """The replicas that share a batch, as seen from one of them.

    Args:
        count: R, how many there are.
        number: which of them this is, from 0 to R - 1.
    """

    count: int
    number: Tensor

    @classmethod
    def here(cls) -> Replicas:
        """The replicas of this function: R where `tf.distribute.Strategy.run` calls it, one anywhere else."""
        context = tf.distribute.get_replica_context()
        if _APART.get() or context is None or context.num_replicas_in_sync == 1:
            return cls(1, 0)
        return cls(context.num_replicas_in_sync, context.replica_id_in_sync_group)

    def share(self, batch: T) -> T:
        """The rows of this replica, of a tensor or a tuple of tensors [B, ...] and None: [B / R, ...]."""
        if self.count == 1:
            return batch

        def rows(values: Tensor) -> Tensor:
            if values is None:
                return None
            size = values.shape[0] // self.count
            start = self.number * size
            return tf.ensure_shape(values[start : start + size], (size, *values.shape[1:]))

        shared: T = tf.nest.map_structure(rows, batch)
        return shared

    def sum(self, values: T) -> T:
        """The sums over all replicas, of a tensor or a tuple or list of tensors."""
        if self.count == 1:
            return values
        own = tf.nest.map_structure(tf.identity, values)  # `all_reduce` takes no tensor that replicas share
        total: T = tf.distribute.get_replica_context().all_reduce("SUM", own)
        return total

    def gather(self, values: Tensor) -> Tensor:
        """The rows of all replicas, [R B, ...] from [B, ...] in each, in the order of the batch."""
        if self.count == 1:
            return values
        place = tf.reshape(
            tf.range(self.count) == self.number, (self.count, *[1] * values.shape.rank)
        )  # [R, 1, ...]
        own = tf.where(place, values, tf.zeros_like(values))  # [R, B, ...]: zeros for the others
        return tf.concat(tf.unstack(self.sum(own)), axis=0)


@contextmanager
def apart() -> Iterator[None]:
    """Within it a replica has a batch of its own, which it shares with none: `Replicas.here` is one."""
    token = _APART.set(True)
    try:
        yield
    finally:
        _APART.reset(token)


def whole_batch(values: Tensor) -> Tensor:
    """The rows of a whole batch, of which a replica may have only some: the same on all of them.

    An objective that compares rows takes them from this. The gradient goes through it to the rows of all replicas.

    Args:
        values: float32 [B, ...].

    Returns:
        [N, ...], where N is B times the number of replicas.
    """
    return Replicas.here().gather(values)


def same_example(batch: Batch) -> Tensor:
    """1 where two rows of a whole batch are of one example, and 0 elsewhere: float32 [N, N].

    An objective that compares examples leaves such pairs out, as these rows are not independent.
    """
    count = tf.shape(batch.x)[0] * Replicas.here().count
    if batch.example is None:
        return tf.eye(count)
    numbers = whole_batch(tf.cast(batch.example, tf.float32))  # [N]
    return tf.cast(numbers[:, None] == numbers, tf.float32)


def whole_batch_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over a whole batch, of which a replica may have only some rows: the same on all of them.

    An objective that couples rows takes its means with this. The gradient goes through it to the rows of all
    replicas.

    Args:
        values: [B, ...].
        weights: [B], how much each row counts, with the sum 1 over all replicas; all the same if left out.

    Returns:
        [...].
    """
    replicas = Replicas.here()
    if weights is None:
        weights = tf.fill(tf.shape(values)[:1], 1.0 / tf.cast(tf.shape(values)[0] * replicas.count, tf.float32))
    return replicas.sum(tf.tensordot(weights, values, axes=1))

"""What replicas that share a batch need to know of each other."""

from __future__ import annotations

import tensorflow as tf

from probvae.core.types import Tensor


def sharing() -> tf.distribute.ReplicaContext | None:
    """The context of this replica where several share each batch; None where one has all of it."""
    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context


def whole_batch_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over a whole batch, of which a replica may have only some rows: the same scalar on all of them.

    An objective that couples rows takes its means with this. The gradient goes through it to the rows of all
    replicas.

    Args:
        values: [B].
        weights: [B], how much each row counts, with the sum 1 over all replicas; all the same if left out.
    """
    context = sharing()
    if weights is None:
        rows = tf.size(values) * (context.num_replicas_in_sync if context else 1)
        weights = 1.0 / tf.cast(rows, tf.float32)
    total = tf.reduce_sum(weights * values)
    return context.all_reduce("SUM", total) if context else total

"""Drawing latents, so that a row's noise does not depend on how many devices share the batch."""

from __future__ import annotations

import tensorflow as tf

from probvae.core.contracts import Distribution
from probvae.core.seeds import Seed, Tensor, as_seed


def sample_and_log_prob(q: Distribution, samples: int, seed: Seed) -> tuple[Tensor, Tensor]:
    """Latents z ~ q(z|x) and their log q(z|x), in nats.

    Where several replicas share a batch, each of them draws for the whole batch and keeps its own rows: row i of
    the batch then gets the same noise as on one device, and no two rows get the same.

    Args:
        q: [B], [D].
        samples: S.
        seed: an int, or a stateless seed of shape [2].

    Returns:
        z [S, B, D] and log q(z|x) [S, B].
    """
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync if context is not None else 1
    if replicas == 1:
        z, log_q = q.experimental_sample_and_log_prob(samples, seed=as_seed(seed))
        return z, log_q
    z, log_q = q.experimental_sample_and_log_prob((samples, replicas), seed=as_seed(seed))  # [S, R, B, D]
    mine = context.replica_id_in_sync_group
    return tf.gather(z, mine, axis=1), tf.gather(log_q, mine, axis=1)

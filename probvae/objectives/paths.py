"""Log importance weights whose gradient is split by the ways that it takes."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from probvae.core import VAE, Batch, Seed, Tensor, sample_and_log_prob


class Paths(NamedTuple):
    """Log importance weights log w = log p(x, z) - log q(z|x) at z ~ q(z|x), by what their gradient reaches.

    The three sum to the log weights, and their gradients to that of the log weights.

    Args:
        model: log w, whose gradient reaches the parameters of p only, with z fixed: [S, B], in nats.
        sample: 0, with the gradient of log w through z to the parameters of q: [S, B].
        score: 0, with the gradient of -log q(z|x) to the parameters of q, with z fixed: [S, B].
    """

    model: Tensor
    sample: Tensor
    score: Tensor


def log_weight_paths(vae: VAE, batch: Batch, samples: int, seed: Seed) -> Paths:
    """The log weights of `samples` latents for each example of a batch, as `VAE.log_weights` has them."""
    q = vae.posterior(batch.x, batch.condition)  # [B], [D]
    z, _ = sample_and_log_prob(q, samples, seed)  # [S, B, D]
    still = tf.stop_gradient(z)
    with tf.GradientTape() as tape:
        tape.watch(still)
        log_p = vae.log_joint(batch.x, still, batch.condition, batch.observed, batch.rows)  # [S, B]
        log_q = q.log_prob(still)  # [S, B]
        log_w = log_p - log_q
    slope = tf.stop_gradient(tape.gradient(log_w, still))  # [S, B, D]
    return Paths(
        log_p - tf.stop_gradient(log_q),
        tf.reduce_sum(slope * (z - still), axis=-1),
        tf.stop_gradient(log_q) - log_q,
    )

"""Estimates of log p(x): the evidence lower bound, and the tighter importance-weighted bound.

Of a conditional model they are of log p(x|c), at the conditions of the data; of examples with missing values, of
the elements that are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from probvae.core import VAE, Array, Batch, Seed, Split, Stream, Tensor, available_memory, fold_in, readable
from probvae.core.room import largest_tensor
from probvae.data.feeding.batches import batches_in_order
from probvae.errors import UserError

MARGIN = 8
"""If the largest variable, once for each latent, takes less than 1/MARGIN of the memory, a batch surely fits."""


@dataclass(frozen=True)
class Bits:
    """A mean over examples, in bits per dimension: what an ideal code takes for each element of discrete data.

    Args:
        value: the mean.
        standard_error: of the mean, over the examples; None for a single example.
    """

    value: float
    standard_error: float | None

    def __str__(self) -> str:
        error = "?" if self.standard_error is None else f"{self.standard_error:.3f}"
        return f"{self.value:.3f} ± {error}"


@dataclass(frozen=True)
class Estimate:
    """A mean over examples, in nats per example.

    Args:
        value: the mean.
        standard_error: of the mean, over the examples; None for a single example.
        examples: the number of examples.
        samples: S, the number of latents per example.
    """

    value: float
    standard_error: float | None
    examples: int
    samples: int

    def __str__(self) -> str:
        error = "?" if self.standard_error is None else f"{self.standard_error:.2f}"
        return f"{self.value:.2f} ± {error}"

    def bits(self, dimensions: int) -> Bits:
        """The negative in bits per dimension, for examples of `dimensions` elements."""
        nats = dimensions * math.log(2)
        return Bits(-self.value / nats, None if self.standard_error is None else self.standard_error / nats)


class Bounds(NamedTuple):
    """Two lower bounds on log p(x), from the same samples.

    Args:
        elbo: the evidence lower bound, E_q[log p(x, z) - log q(z|x)].
        importance_weighted: log 1/S sum_s p(x, z_s) / q(z_s|x), which rises to log p(x) with S (Burda, Grosse,
            Salakhutdinov, Importance weighted autoencoders, 2016).
    """

    elbo: Estimate
    importance_weighted: Estimate

    @classmethod
    def of(cls, elbo: Array, importance_weighted: Array, samples: int) -> Bounds:
        """The means of the bounds of examples [N], with standard errors."""
        return cls(_estimate(elbo, samples), _estimate(importance_weighted, samples))


def bounds(
    vae: VAE,
    split: Split,
    samples: int,
    seed: Seed = 0,
    batch_size: int = 2000,
    progress: Callable[[int, int], None] | None = None,
) -> Bounds:
    """Estimate both bounds on log p(x), in nats per example, averaged over a split; see `example_bounds`."""
    return Bounds.of(*example_bounds(vae, split, samples, seed, batch_size, progress), samples)


def example_bounds(
    vae: VAE,
    split: Split,
    samples: int,
    seed: Seed = 0,
    batch_size: int = 2000,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Array, Array]:
    """Estimate both bounds on log p(x) for each example of a split: two arrays [N], in nats.

    Args:
        vae: the model.
        split: the examples.
        samples: S, the number of latents per example; they are drawn in parts, so that any number fits into
            memory.
        seed: the samples and the binarisation on reading are a function of it.
        batch_size: the number of latents that are decoded at a time.
        progress: called with the number of finished examples and of all examples.

    Raises:
        UserError: the split is empty, or a batch does not fit into memory.
    """
    if not len(split):
        raise UserError("Expected at least one example to evaluate; got none.")
    part = min(samples, 50, batch_size)
    rows = min(max(1, batch_size // part), len(split))
    _check_room(vae, rows, part)

    @tf.function(reduce_retracing=True)
    def reduce(batch: Batch, key: Tensor) -> tuple[Tensor, Tensor]:
        # In double precision: added to a log-weight of -10,000, one more sample is lost in single precision.
        total = tf.zeros(tf.shape(batch.x)[:1], tf.float64)  # [B]: sum of log-weights
        log_total = total - math.inf  # [B]: log of the sum of weights

        def add(count: int, number: Tensor, total: Tensor, log_total: Tensor) -> tuple[Tensor, Tensor]:
            log_w = vae.log_weights(
                batch.x, count, fold_in(key, number), batch.condition, batch.observed
            )  # [S, B]
            log_w = tf.cast(log_w, tf.float64)
            log_total = tf.reduce_logsumexp(tf.concat([log_total[None], log_w], axis=0), axis=0)
            return total + tf.reduce_sum(log_w, axis=0), log_total

        for number in tf.range(samples // part):
            total, log_total = add(part, number, total, log_total)
        if samples % part:
            total, log_total = add(samples % part, samples // part, total, log_total)
        return total / samples, log_total - math.log(samples)

    noise = fold_in(seed, Stream.EVALUATION)
    reduced = []
    done = 0
    for number, batch in enumerate(batches_in_order(split, rows, noise)):
        reduced.append([values.numpy() for values in reduce(batch, fold_in(noise, Stream.LATENT, number))])
        done += len(batch.x)
        if progress is not None:
            progress(done, len(split))
    elbo, importance_weighted = (np.concatenate(values) for values in zip(*reduced, strict=True))
    return elbo, importance_weighted


def _check_room(vae: VAE, rows: int, samples: int) -> None:
    """Check that a batch fits into memory before it is computed, for models with large parts.

    Raises:
        UserError: a single tensor takes more than half of the memory.
    """
    available = available_memory()
    widest = max(math.prod(shape) for shape in [vae.event_shape, *(variable.shape for variable in vae.variables)])
    if available is None or 4 * widest * rows * samples < available / MARGIN:
        return

    def weights(x: Tensor, *condition: Tensor) -> Tensor:
        return vae.log_weights(x, samples, tf.constant([0, 0]), *condition)

    x = tf.TensorSpec((rows, *vae.event_shape), tf.float32)
    condition = [tf.TensorSpec((rows, vae.condition_dim), tf.float32)] if vae.condition_dim else []
    largest = largest_tensor(tf.autograph.experimental.do_not_convert(weights), x, *condition)
    if 2 * largest.bytes > available:  # its input or output takes memory at the same time
        raise UserError(
            f"evaluate.batch_size: expected a batch that fits into the available memory, {readable(available)}; "
            f"got {rows * samples} latents at a time, which make a tensor {largest}. Lower it."
        )


def _estimate(values: Array, samples: int) -> Estimate:
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return Estimate(float(np.mean(values)), error, len(values), samples)

"""Log importance weights for the examples of a split, whose noise does not depend on how they are computed.

Latents are drawn in units of ROWS consecutive examples and DRAWS samples for each, with a seed for each unit. So a
latent is a function of the seed, of the example's place in the split and of the sample's number; more samples, or
more examples, add to those that are there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from probvae.core import (
    VAE,
    Array,
    Batch,
    Tensor,
    available_memory,
    fold_in,
    readable,
    sample_and_log_prob,
    without_autograph,
)
from probvae.core.room import largest_tensor
from probvae.errors import UserError
from probvae.evaluation.shared import Shared

ROWS = 100
DRAWS = 20

CALL = 40_000
"""The number of latents, about, after which a progress is reported and the encoder and the prior run again."""

AT_ONCE = 2
"""How many parts of a batch are computed at the same time: the cores that one leaves idle compute another."""

MARGIN = 8
"""If the largest variable, once for each latent, takes less than 1/MARGIN of the memory, a batch surely fits."""


@dataclass(frozen=True)
class Parts:
    """How the latents of ROWS examples are decoded: `samples` for each of `rows` examples at a time.

    Args:
        rows: the number of examples that are decoded together.
        samples: the number of samples for each of them: a part of a unit, or whole units.
        count: the number of such parts for all samples.
    """

    rows: int
    samples: int
    count: int

    @classmethod
    def of(cls, samples: int, examples: int, batch_size: int) -> Parts:
        """Parts of at most `batch_size` latents, for S samples and a number of examples."""
        rows = min(ROWS, examples, batch_size)
        most = batch_size // rows
        if samples <= most:
            return cls(rows, samples, 1)
        if most < DRAWS:
            each = max(size for size in range(1, most + 1) if DRAWS % size == 0)
        else:
            units = -(-samples // DRAWS)
            each = DRAWS * -(-units // -(-units // (most // DRAWS)))  # as equal as they can be
        return cls(rows, each, -(-samples // each))


class Weigher:
    """Computes log p(x, z) - log q(z|x) at z ~ q(z|x), `Parts` at a time.

    Args:
        vae: the model.
        samples: S, the number of latents for each example.
        examples: N, the number of examples of the split.
        batch_size: the number of latents that are decoded at a time.

    Attributes:
        batches: how many times ROWS examples are weighed at the same time: the number of replicas.

    Raises:
        UserError: a batch does not fit into memory.
    """

    def __init__(self, vae: VAE, samples: int, examples: int, batch_size: int) -> None:
        self.vae = vae
        self.samples = samples
        self.parts = Parts.of(samples, examples, max(1, batch_size // AT_ONCE))
        self._parts_of_a_call = max(1, CALL // (self.parts.rows * self.parts.samples))
        # Not by XLA, which takes a quarter more processor time for dense decoders, and two thirds more with flows.
        self._weigh = Shared(self._parts, vae)
        self.batches = self._weigh.count
        _check_room(vae, self.parts)

    def weights(self, batches: Sequence[tuple[Batch, Tensor]], first: int) -> Iterator[list[Array]]:
        """The log-weights of some of the examples, in nats, sample by sample.

        Args:
            batches: ROWS examples and their seed, int32 [2], at most `batches` times.
            first: the number of the first example of each that is wanted.

        Yields:
            For each of the batches the next log-weights [s, rows], until they add up to S.
        """
        left = self.samples
        for part in range(0, self.parts.count, self._parts_of_a_call):
            parts = tf.range(part, min(part + self._parts_of_a_call, self.parts.count))
            found = self._weigh([(batch, key, tf.constant(first), parts) for batch, key in batches])
            log_w = [each.reshape(-1, self.parts.rows)[:left] for each in found]
            left -= len(log_w[0])
            yield log_w

    def _parts(self, batch: Batch, key: Tensor, first: Tensor, numbers: Tensor) -> Tensor:
        """Some parts by their numbers [P]: [P, samples, rows]; the encoder and the prior run once."""
        vae, size = self.vae, self.parts.samples
        q = vae.posterior(batch.x, batch.condition)  # [ROWS], [D]
        rows = (first + tf.range(self.parts.rows)) % ROWS
        x, condition, observed = (
            None if values is None else tf.gather(values, rows)
            for values in (batch.x, batch.condition, batch.observed)
        )
        p = vae.prior_given(condition)  # [], [D], or [rows], [D]

        def draw(unit: Tensor) -> tuple[Tensor, Tensor]:
            z, log_q = sample_and_log_prob(q, DRAWS, fold_in(key, unit))  # [DRAWS, ROWS, D], [DRAWS, ROWS]
            return tf.gather(z, rows, axis=1), tf.gather(log_q, rows, axis=1)

        def part(number: Tensor) -> Tensor:
            units = number * size // DRAWS + tf.range(-(-size // DRAWS))
            drawn = tf.map_fn(draw, units, fn_output_signature=(q.dtype, q.dtype), parallel_iterations=1)
            which = number * size % DRAWS + tf.range(size)
            z, log_q = (
                tf.gather(tf.reshape(each, (-1, *each.shape[2:])), which) for each in drawn
            )  # [size, rows, D], [size, rows]
            log_likelihood = vae.log_likelihood(x, z, condition, observed)
            terms = (log_likelihood, p.log_prob(z), -log_q)
            return tf.add_n([tf.cast(term, tf.float64) for term in terms])

        return tf.map_fn(part, numbers, fn_output_signature=tf.float64, parallel_iterations=AT_ONCE)


def _check_room(vae: VAE, parts: Parts) -> None:
    """Check that a batch fits into memory before it is computed, for models with large parts.

    Raises:
        UserError: a single tensor takes more than half of the memory.
    """
    available, rows, samples = available_memory(), parts.rows, AT_ONCE * parts.samples
    widest = max(math.prod(shape) for shape in [vae.event_shape, *(variable.shape for variable in vae.variables)])
    if available is None or 4 * widest * rows * samples < available / MARGIN:
        return

    def weights(x: Tensor, *condition: Tensor) -> Tensor:
        return vae.log_weights(x, samples, tf.constant([0, 0]), *condition)

    x = tf.TensorSpec((rows, *vae.event_shape), tf.float32)
    condition = [tf.TensorSpec((rows, vae.condition_dim), tf.float32)] if vae.condition_dim else []
    largest = largest_tensor(without_autograph(weights, vae), x, *condition)
    if 2 * largest.bytes > available:  # its input or output takes memory at the same time
        raise UserError(
            f"evaluate.batch_size: expected a batch that fits into the available memory, {readable(available)}; "
            f"got {rows * samples} latents at a time, which make a tensor {largest}. Lower it."
        )

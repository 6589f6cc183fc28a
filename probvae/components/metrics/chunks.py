"""What metrics share: passes over examples in chunks, so that their memory does not grow with the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from probvae.core import VAE, Array, Batch, Seed, Split, Stream, Tensor, as_seed, fold_in, mean_of, rows_at_a_time
from probvae.core.words import first_few
from probvae.errors import UserError

CHUNK = 500
"""The most examples at a time. Each chunk has a seed, so that it is a function of their shape alone."""


def chunks(split: Split, seed: Seed, rows: Array | None = None) -> Iterator[tuple[Batch, Tensor]]:
    """The examples of a split in their stored order, each chunk of them with a seed [2] for noise of its own.

    Args:
        split: the examples.
        seed: the binarisation on reading and the seeds are a function of it.
        rows: the numbers of the examples to take, in ascending order; all if None.
    """
    noise = fold_in(seed, Stream.USE)
    count = len(split) if rows is None else len(rows)
    size = rows_at_a_time(split.stored.shape[1:], CHUNK)
    for number, start in enumerate(range(0, count, size)):
        part = slice(start, start + size)
        batch = split.batch(part if rows is None else rows[part], fold_in(noise, Stream.BINARIZE, number))
        yield batch, fold_in(noise, Stream.LATENT, number)


def generator(seed: Seed) -> np.random.Generator:
    """NumPy's generator of a seed."""
    return np.random.default_rng(np.asarray(as_seed(seed)).view(np.uint32))


def some_of(rows: Array, most: int, seed: Seed) -> Array:
    """At most this many of some rows, chosen at random, in ascending order."""
    return np.sort(generator(seed).permutation(rows)[:most])


def latent_means(vae: VAE, batch: Batch, noise: Tensor) -> Tensor:
    """E[z|x] of a batch, [B, D]; one draw of z where the posterior has no mean, as that of a hierarchy."""
    q = vae.posterior(batch.x, batch.condition)
    means = mean_of(q)
    return q.sample(seed=noise) if means is None else means


def check_finite(values: Array, split: Split, what: str) -> None:
    """Refuse examples that the model gives no probability, as no mean over the examples is finite with them.

    Args:
        values: of the examples, [N].
        split: the examples.
        what: the values are.

    Raises:
        UserError: it names their rows.
    """
    rows = np.flatnonzero(~np.isfinite(values))
    if len(rows):
        remedy = "Look at their values: the model has learned nothing like them. Correct them, or leave them out."
        if len(rows) == len(values):
            remedy = "It is the model that fails, not single examples: train it again, with smaller steps."
        names = first_few([split.name_of(row) for row in rows])
        raise UserError(
            f"Expected examples whose {what} is finite; got {values[rows[0]]} for {len(rows):,} of "
            f"{len(values):,}, in rows {names} (counted from 0). {remedy}"
        )

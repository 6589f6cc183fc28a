"""What metrics share: passes over examples in chunks, so that their memory does not grow with the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from probvae.core import VAE, Array, Batch, Seed, Split, Stream, Tensor, as_seed, fold_in, mean_of

CHUNK = 500
"""The number of examples at a time. Fixed, as each has a seed: numbers are functions of the seed alone."""


def chunks(split: Split, seed: Seed, rows: Array | None = None) -> Iterator[tuple[Batch, Tensor]]:
    """The examples of a split in their stored order, each chunk of them with a seed [2] for noise of its own.

    Args:
        split: the examples.
        seed: the binarisation on reading and the seeds are a function of it.
        rows: the numbers of the examples to take, in ascending order; all if None.
    """
    noise = fold_in(seed, Stream.USE)
    count = len(split) if rows is None else len(rows)
    for number, start in enumerate(range(0, count, CHUNK)):
        part = slice(start, start + CHUNK)
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

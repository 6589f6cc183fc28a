"""Functions of all examples of a split, computed in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import tensorflow as tf

from probvae.core import Array, Batch, Seed, Split, Stream, Tensor, fold_in

CHUNK = 1000


def over_examples(
    split: Split, function: Callable[[Batch, Tensor], Mapping[str, Tensor]], seed: Seed, rows: Array | None = None
) -> dict[str, Array]:
    """The results of a function for the examples of a split: arrays [N, ...] in their stored order.

    The binarisation and noise of an example are a function of the seed and of its place in the split, so they do
    not depend on `rows`.

    Args:
        split: the examples, at least one.
        function: (batch, seed [2]) -> arrays [B, ...] by name.
        seed: the binarisation on reading and the function's seeds are a function of it.
        rows: the numbers of the examples, in ascending order; all if None.
    """
    noise = fold_in(seed, Stream.USE)
    compiled = tf.function(partial(function), reduce_retracing=True)  # a partial: see Weigher
    wanted = np.arange(len(split)) if rows is None else rows
    parts = []
    for number in np.unique(wanted // CHUNK).tolist():
        start = number * CHUNK
        batch = split.batch(slice(start, start + CHUNK), fold_in(noise, Stream.BINARIZE, number))
        here = wanted[wanted // CHUNK == number] - start
        made = compiled(batch, fold_in(noise, Stream.LATENT, number))
        parts.append({name: value.numpy()[here] for name, value in made.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

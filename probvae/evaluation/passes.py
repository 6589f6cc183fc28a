"""Arrays over the examples of a split, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from probvae.core import Array, Seed, Split, Stream, Tensor, fold_in

CHUNK = 1000


def over(
    split: Split, function: Callable[[Tensor, Tensor], Mapping[str, Tensor]], seed: Seed, rows: Array | None = None
) -> dict[str, Array]:
    """What a function makes of the examples of a split: arrays [N, ...] in the order in which they are stored.

    An example's binarisation and noise are a function of the seed and of its place in the split: the same whether
    all examples are asked for or some.

    Args:
        split: the examples, at least one.
        function: of x [B, *E] and a seed [2], by name: [B, ...].
        seed: what the binarisation of a dynamic split and the function's seeds are a function of.
        rows: which examples, in rising order; all of them if None.
    """
    noise = fold_in(seed, Stream.USE)
    compiled = tf.function(function, reduce_retracing=True)
    wanted = np.arange(len(split)) if rows is None else rows
    parts = []
    for number in np.unique(wanted // CHUNK).tolist():
        start = number * CHUNK
        x = split.prepare(split.stored[start : start + CHUNK], fold_in(noise, Stream.BINARIZE, number))
        here = wanted[wanted // CHUNK == number] - start
        made = compiled(x, fold_in(noise, Stream.LATENT, number))
        parts.append({name: value.numpy()[here] for name, value in made.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

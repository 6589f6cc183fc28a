"""Functions of all examples of a split, computed in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from probvae.core import VAE, Array, Batch, Seed, Split, Stream, Tensor, fold_in, rows_at_a_time
from probvae.evaluation.shared import Shared

CHUNK = 1000


def over_examples(
    vae: VAE,
    split: Split,
    function: Callable[[Batch, Tensor], Mapping[str, Tensor]],
    seed: Seed,
    rows: Array | None = None,
) -> dict[str, Array]:
    """The results of a function for the examples of a split: arrays [N, ...] in their stored order.

    The binarisation and noise of an example are a function of the seed and of its place in the split, so they do
    not depend on `rows`.

    Args:
        vae: the model that the function computes with.
        split: the examples, at least one.
        function: (batch, seed [2]) -> arrays [B, ...] by name.
        seed: the binarisation on reading and the function's seeds are a function of it.
        rows: the numbers of the examples, in ascending order; all if None.
    """
    noise = fold_in(seed, Stream.USE)
    shared = Shared(function, vae)
    wanted = np.arange(len(split)) if rows is None else rows
    size = rows_at_a_time(vae.event_shape, CHUNK)
    numbers = np.unique(wanted // size).tolist()
    parts = []
    while numbers:
        full = [number for number in numbers[: shared.count] if (number + 1) * size <= len(split)]
        group = full or numbers[:1]  # the last chunk of the split, which has fewer examples, is by itself
        numbers = numbers[len(group) :]
        calls = []
        for number in group:
            part = slice(number * size, (number + 1) * size)
            batch = split.batch(part, fold_in(noise, Stream.BINARIZE, number))
            calls.append((batch, fold_in(noise, Stream.LATENT, number)))
        for number, made in zip(group, shared(calls), strict=True):
            here = wanted[wanted // size == number] - number * size
            parts.append({name: values[here] for name, values in made.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

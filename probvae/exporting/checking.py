"""What exported files compute, compared with the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from probvae.core import VAE, Array, Condition, Seed, fold_in, normal_noise
from probvae.errors import WorkError
from probvae.exporting.signatures import Exported, Signature, Tensors, Value

BATCHES = (1, 5)
"""How many examples each signature is run on: two sizes, as the files must take any."""

LARGEST = 1e-4
"""The largest difference to the model that is accepted, as a share of the largest number where that is above 1."""

FLIPPED = 1e-2
"""The share of a draw's elements that may differ by more: an integer changes where a number rounds otherwise."""


class Difference(NamedTuple):
    """How much an output differs from the model's.

    Args:
        largest_difference: of an element, absolute.
        largest_value: of an element of the model's, absolute.
    """

    largest_difference: float
    largest_value: float


def differences(
    vae: VAE, signatures: Mapping[str, Signature], exported: Mapping[str, Exported], condition: Condition | None
) -> dict[str, dict[str, Difference]]:
    """By how much the outputs of exported functions differ from the model's, on samples of the model.

    Args:
        vae: the model.
        signatures: by name.
        exported: the functions of the files by name.
        condition: what the columns of the condition are, for a conditional model.

    Returns:
        The differences by signature and output.

    Raises:
        WorkError: one is too large.
    """
    found: dict[str, dict[str, Difference]] = {}
    for count in BATCHES:
        inputs = _inputs(vae, count, condition, seed=count)
        for name, run in exported.items():
            signature = signatures[name]
            given = {key: inputs[key] for key in signature.inputs}
            expected, outputs, before = signature.function(**given), run(given), found.get(name, {})
            found[name] = {
                key: max(
                    _difference(f"{name}: {key}", value, expected[key].numpy(), outputs[key]),
                    before.get(key, Difference(0.0, 0.0)),
                )
                for key, value in signature.outputs.items()
            }
    return found


def _inputs(vae: VAE, count: int, condition: Condition | None, seed: Seed) -> Tensors:
    """A value for each name of an input."""
    c = _conditions(condition, count, fold_in(seed, 1)) if condition and vae.condition_dim else None
    return {
        "x": vae.sample(count, seed, condition=c),
        "z": vae.sample_latents(count, fold_in(seed, 2), condition=c),
        "seed": tf.constant(2**40 + 7, tf.int64),
        "count": tf.constant(count, tf.int32),
        "samples": tf.constant(3, tf.int32),
        "condition": c,
    }


def _conditions(condition: Condition, count: int, seed: Seed) -> Array:
    """Conditions [count, C]: each category in turn, and random numbers."""
    numbers, rows = normal_noise((count, condition.size), seed).numpy(), np.arange(count)
    parts: list[Array] = []
    if condition.one_hot:
        return np.eye(condition.size, dtype=np.float32)[rows % condition.size]
    for column in condition.columns:
        size = len(column.names)
        start = sum(part.shape[1] for part in parts)
        categories = np.eye(size, dtype=np.float32)[rows % size]
        parts.append(categories if column.categories else numbers[:, start : start + size])
    return np.concatenate(parts, axis=1)


def _difference(what: str, value: Value, expected: Array, found: Array) -> Difference:
    """The difference between two arrays.

    Raises:
        WorkError: they differ in shape or type, or by too much.
    """
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        raise WorkError(
            f"{what}: expected {expected.dtype} {list(expected.shape)}, as the model has; got {found.dtype} "
            f"{list(found.shape)} from the exported file."
        )
    with np.errstate(invalid="ignore"):
        apart = np.where(found == expected, 0.0, np.abs(found - expected, dtype=np.float64))
    largest_value = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
    accepted = LARGEST * max(1.0, largest_value)
    wrong = ~(apart <= accepted)  # also where one of them is NaN
    if wrong.mean() > (FLIPPED if value.drawn else 0.0):
        raise WorkError(
            f"{what}: expected the numbers of the model, up to {accepted:.2g}; got others from the "
            f"exported file, which differ by {np.abs(apart).max():.2g}."
        )
    return Difference(float(apart.max(initial=0.0)), largest_value)

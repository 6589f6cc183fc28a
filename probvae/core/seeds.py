"""Randomness as a function: a seed is a tensor of shape [2], and folding numbers into it gives new ones.

A Python int as a TFP seed is stateful (two calls differ); a tensor of shape [2] is not. probvae uses the second
kind throughout, so that each sample is a function of (seed, stream, step) only.
"""

from __future__ import annotations

import enum
from numbers import Integral

import numpy as np
import tensorflow as tf

from probvae.core.types import Seed, Tensor
from probvae.errors import UserError


class Stream(enum.IntEnum):
    """The purpose of a random number; streams of one seed are independent.

    Training folds the first three into its seed, with the step. All other code that reads examples or samples
    latents first folds in a stream of its own, and then one of these three: it shares no noise with training.
    """

    ORDER = 1
    BINARIZE = 2
    LATENT = 3
    VALIDATION = 4
    EVALUATION = 5
    FIGURES = 6
    USE = 7


def as_seed(seed: Seed) -> Tensor:
    """A stateless seed, int32 of shape [2], from an int, two ints or a tensor.

    Raises:
        UserError: it is neither.
    """
    if isinstance(seed, Integral):
        return tf.constant(_words(int(seed)), tf.int32)
    if not tf.is_tensor(seed):
        words = np.asarray(seed)
        if words.shape != (2,) or words.dtype.kind not in "iu":
            raise UserError(f"seed: expected an int, or two of them; got {seed!r}.")
    seed = tf.convert_to_tensor(seed)
    if seed.shape == ():
        return tf.reverse(tf.bitcast(tf.cast(seed, tf.int64), tf.int32), [0])  # [high, low] as of an int
    seed = tf.cast(seed, tf.int32)
    if seed.shape != (2,):
        raise UserError(f"seed: expected an int, or a tensor of shape [2]; got shape {seed.shape.as_list()}.")
    return seed


def fold_in(seed: Seed, *numbers: Tensor) -> Tensor:
    """Another seed, int32 [2], for each tuple of integers: a function of the seed and of them.

    Args:
        seed: an int, or a stateless seed of shape [2].
        numbers: integers, which may be tensors, as a training step is.

    Raises:
        UserError: the seed is neither.
    """
    seed = as_seed(seed)
    for number in numbers:
        high, low = _words(int(number)) if isinstance(number, Integral) else (0, number)
        for word in (low, high) if high else (low,):
            seed = tf.random.fold_in(seed, tf.cast(word, tf.int32))
    return seed


def split_seed(seed: Seed, count: int) -> list[Tensor]:
    """Some seeds of one, int32 [2] each, for draws that are independent of each other.

    XLA gives the same ones, which it does not of `fold_in` and `tfp.random.split_seed`.

    Args:
        seed: an int, or a stateless seed of shape [2].
        count: how many.
    """
    words = tf.random.stateless_uniform(
        (count, 2), as_seed(seed), minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    return list(tf.unstack(words))


def _words(number: int) -> tuple[int, int]:
    """The high and the low 32 bits of an integer, as signed integers."""
    bits = number % 2**64
    high, low = (part - 2**32 if part >= 2**31 else part for part in (bits >> 32, bits % 2**32))
    return high, low

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
    """A stateless seed, int32 of shape [2], from an int of 64 bits, two of 32 bits, or a tensor of one or two.

    Raises:
        UserError: it is neither.
    """
    if isinstance(seed, Integral):
        return tf.constant(_words(int(seed)), tf.int32)
    words: Tensor = seed if tf.is_tensor(seed) else np.asarray(seed)
    integers = words.dtype.is_integer if tf.is_tensor(words) else words.dtype.kind in "iu"
    if not integers or words.shape not in ((), (2,)) or _too_large(words):
        raise UserError(f"seed: expected an int, or two of them; got {seed!r}.{_BITS}")
    return tf.stack(_words_of(words)) if words.shape == () else tf.cast(words, tf.int32)


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
        if isinstance(number, Integral):
            high, low = _words(int(number))
            seed = tf.random.fold_in(seed, low)
            seed = tf.random.fold_in(seed, high) if high else seed
        else:
            high, low = _words_of(number)
            seed = tf.random.fold_in(seed, low)
            seed = tf.where(high == 0, seed, tf.random.fold_in(seed, high))
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


_BITS = " One has up to 64 bits with its sign, and each of two up to 32."


def _words(number: int) -> tuple[int, int]:
    """The high and the low 32 bits of an integer, as signed integers.

    Raises:
        UserError: it has more than 64 bits.
    """
    if not -(2**63) <= number < 2**63:
        raise UserError(f"seed: expected an int, or two of them; got {number}.{_BITS}")
    low = number % 2**32
    return number >> 32, low - 2**32 if low >= 2**31 else low


def _words_of(number: Tensor) -> tuple[Tensor, Tensor]:
    """The same of a tensor of one integer, int32 each."""
    number = tf.cast(number, tf.int64)
    return tf.cast(tf.bitwise.right_shift(number, 32), tf.int32), tf.cast(number, tf.int32)


def _too_large(words: Tensor) -> bool:
    """Whether one of two words has more than 32 bits, where that is known."""
    if words.shape != (2,) or (tf.is_tensor(words) and not tf.executing_eagerly()):
        return False
    found = np.asarray(words)  # AutoGraph makes int() an operation on tensors
    return bool(np.any((found < -(2**31)) | (found >= 2**32)))

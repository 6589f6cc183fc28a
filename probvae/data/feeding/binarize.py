"""Binarisation, and the fixed order of splits: the same in every run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from probvae.core import BINARY, Array, Binarize, DType, Rows, Shape, Split, Values, full_scale
from probvae.errors import ConfigError

SEED = 0
PUBLISHED_SEED = 777

PUBLISHED = (
    "the last images of the training set validate; training data binarised afresh at every step with "
    "probability = intensity; validation and test data binarised once by NumPy's legacy generator with seed "
    f"{PUBLISHED_SEED}, as by Norouzi et al., 2020"
)
"""The protocol of `binarize_as_published`, in one phrase."""

_PROTOCOLS: dict[Binarize, str] = {
    "dynamic": "training data binarised afresh at every step with probability = intensity; "
    f"validation and test data binarised once with seed {SEED}",
    "static": f"all data binarised once with probability = intensity and seed {SEED}",
    "none": "intensities from 0 to 1, not binarised",
}


def protocol(binarize: Binarize) -> str:
    """How intensities become the values that a model sees, in one phrase."""
    return _PROTOCOLS[binarize]


def binarize_splits(
    train: Split, validation: Split, test: Split, binarize: Binarize
) -> tuple[Split, Split, Split]:
    """The three splits with P(1) = intensity, each with random numbers of its own.

    Args:
        train: the training examples.
        validation: the validation examples.
        test: the test examples.
        binarize: dynamic (training examples at every reading, the others once), static (all once), or none.
    """
    if binarize == "none":
        return train, validation, test
    first = replace(train, binarize_on_read=True) if binarize == "dynamic" else binarize_once(train, 0)
    return first, binarize_once(validation, 1), binarize_once(test, 2)


def binarize_as_published(train: Split, validation: Split, test: Split) -> tuple[Split, Split, Split]:
    """The three splits with the bits on which published log-likelihoods of binarised images were measured.

    As in the experiments of Norouzi, Fleet and Norouzi, Exemplar VAE, 2020: training examples are binarised at
    every reading; the bits of validation and of test examples, in this order, are binomial draws of NumPy's legacy
    generator, whose stream never changes.
    """
    rng = np.random.RandomState(PUBLISHED_SEED)

    def binarized(split: Split) -> Split:
        bits = rng.binomial(1, split.scaled(np.asarray(split.stored))).astype(np.uint8)
        return replace(split, stored=bits, divide_by=1.0)

    return replace(train, binarize_on_read=True), binarized(validation), binarized(test)


def binarize_once(split: Split, stream: int) -> Split:
    """A split of zeros and ones, uint8, the same in every run; lazily, if its examples are not in memory.

    Args:
        split: the intensities.
        stream: the number of the random stream of SEED.
    """
    if not isinstance(split.stored, np.ndarray):
        return replace(split, stored=LazyBinarised(split, stream), divide_by=1.0, binarize_on_read=False)
    rng = np.random.default_rng([SEED, stream])
    binary, end = np.empty(split.stored.shape, np.uint8), 0
    for block in split.blocks():
        binary[end : end + len(block)] = rng.random(block.shape) < split.scaled(block)
        end += len(block)
    return replace(split, stored=binary, divide_by=1.0, binarize_on_read=False)


@dataclass(frozen=True, repr=False)
class LazyBinarised:
    """Examples that are binarised once, but computed when they are read: an `ArrayLike` of uint8 [N, *E].

    Each has the random numbers that it would have if all were binarised at once, from first to last: the generator
    is moved to their place.

    Args:
        split: the intensities.
        stream: the number of the random stream of SEED.
    """

    split: Split
    stream: int

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, *E]."""
        return self.split.stored.shape

    @property
    def dtype(self) -> DType:
        """Bytes: zeros and ones."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.split)

    def __repr__(self) -> str:
        return f"<LazyBinarised: {self.dtype} {list(self.shape)}>"

    def __getitem__(self, which: Rows) -> Array:
        rows = range(len(self))[which] if isinstance(which, slice) else which.tolist()
        bits = np.random.PCG64([SEED, self.stream])
        rng, size, place = np.random.Generator(bits), math.prod(self.shape[1:]), 0
        x = self.split.scaled(self.split.stored[which])
        binary = np.empty(x.shape, np.uint8)
        for number, row in enumerate(rows):
            bits.advance((row - place) * size)
            binary[number] = rng.random(x.shape[1:]) < x[number]
            place = row + 1
        return binary


def not_probabilities(values: Values, stored: Values, shape: Shape) -> ConfigError:
    """The error for data that is to be binarised and does not lie from 0 to 1: what to divide by, or do instead.

    Args:
        values: those that the data takes, after the division.
        stored: the same before the division.
        shape: E, the shape of an example.
    """
    if stored.low < 0:
        fix = 'Set data.binarize = "none".'
    elif scale := full_scale(stored, shape):
        fix = f'Set data.divide_by = {scale:g}, or data.binarize = "none".'
    else:
        fix = (
            'These seem to be counts: set data.binarize = "none" and use a likelihood of counts, as binarising '
            "keeps little of them. If they are intensities, set data.divide_by to the largest possible one."
        )
    expected = "numbers from 0 to 1 (after the division), to be used as probabilities"
    return ConfigError.of("data.binarize", expected, str(values), fix)


def image_values(binarize: Binarize) -> Values:
    """The values that a model sees of images."""
    return Values.levels(256, divide_by=255) if binarize == "none" else BINARY


def images(stored: Array, labels: Array) -> Split:
    """Grey images, uint8 [N, H, W], as a split with a channel axis, E = [H, W, 1]."""
    return Split(stored[..., np.newaxis], labels, divide_by=255.0)


def fixed_order(count: int) -> npt.NDArray[np.intp]:
    """A permutation of range(count).

    Sorted from raw bits: numpy promises that PCG64 keeps its stream, and promises nothing of the kind for
    `Generator.permutation`.
    """
    return np.argsort(np.random.PCG64(SEED).random_raw(count), kind="stable")

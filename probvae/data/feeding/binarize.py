"""What is random once and for all: splits and binarisations that are the same in every run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from probvae.core import BINARY, UNIT, Array, Binarize, DType, Rows, Split, Values

SEED = 0

_BLOCK = 2**22  # values at a time, so that floats and random numbers take little memory

_PROTOCOLS: dict[Binarize, str] = {
    "dynamic": "training data binarised afresh at every step with probability = intensity; "
    f"validation and test data binarised once with seed {SEED}",
    "static": f"all data binarised once with probability = intensity and seed {SEED}",
    "none": "intensities from 0 to 1, not binarised",
}


def fixed_order(count: int) -> npt.NDArray[np.intp]:
    """A permutation of range(count).

    Sorted from raw bits: numpy promises that PCG64 keeps its stream, and promises nothing of the kind for
    `Generator.permutation`.
    """
    return np.argsort(np.random.PCG64(SEED).random_raw(count), kind="stable")


def protocol(binarize: Binarize) -> str:
    """How intensities become what a model sees, in one phrase."""
    return _PROTOCOLS[binarize]


def image_values(binarize: Binarize) -> Values:
    """The values that a model sees of images."""
    return UNIT if binarize == "none" else BINARY


def images(stored: Array, labels: Array) -> Split:
    """Grey images, uint8 [N, H, W], as a split with a channel axis, E = [H, W, 1]."""
    return Split(stored[..., np.newaxis], labels, divide_by=255.0)


def binarised(train: Split, validation: Split, test: Split, binarize: Binarize) -> tuple[Split, Split, Split]:
    """The three splits, binarised as asked, each with random numbers of its own."""
    if binarize == "none":
        return train, validation, test
    first = replace(train, binarize_on_read=True) if binarize == "dynamic" else _once(train, 0)
    return first, _once(validation, 1), _once(test, 2)


def block(split: Split) -> int:
    """How many examples to take at a time in a pass over all of them."""
    return max(1, _BLOCK // max(1, math.prod(split.stored.shape[1:])))


@dataclass(frozen=True)
class LazyBinarised:
    """Examples that are binarised once and for all, but only where they are read: a `ArrayLike` of uint8 [N, *E].

    Each has the random numbers that it would have if all were made at once, from first to last: the generator is
    moved to their place.

    Args:
        split: the intensities.
        stream: which random numbers, beside SEED.
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

    def __getitem__(self, which: Rows) -> Array:
        rows = range(len(self))[which] if isinstance(which, slice) else which.tolist()
        bits = np.random.PCG64([SEED, self.stream])
        rng, size, place = np.random.Generator(bits), math.prod(self.shape[1:]), 0
        x = replace(self.split, stored=self.split.stored[which]).intensities()
        binary = np.empty(x.shape, np.uint8)
        for number, row in enumerate(rows):
            bits.advance((row - place) * size)
            binary[number] = rng.random(x.shape[1:]) < x[number]
            place = row + 1
        return binary


def _once(split: Split, stream: int) -> Split:
    if not isinstance(split.stored, np.ndarray):
        return Split(LazyBinarised(split, stream), split.labels, rows=split.rows)
    rng = np.random.default_rng([SEED, stream])
    binary = np.empty(split.stored.shape, np.uint8)
    size = block(split)
    for start in range(0, len(split), size):
        x = replace(split, stored=split.stored[start : start + size]).intensities()
        binary[start : start + size] = rng.random(x.shape) < x
    return Split(binary, split.labels, rows=split.rows)

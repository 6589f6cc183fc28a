"""Datasets as the trainer sees them: examples that stay as small as they came, and how to read a batch of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import shorten
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from probvae.core.checked import Checked
from probvae.core.signature import Signature
from probvae.core.types import Array, DType, Tensor
from probvae.core.values import Values
from probvae.errors import DataError

Binarize: TypeAlias = Literal["dynamic", "static", "none"]
Rows: TypeAlias = slice | Array  # the rows first to last, or the numbers of rows [B]

_BLOCK = 2**22  # values


class ArrayLike(Protocol):
    """Examples [N, *E], wherever they are kept: a numpy array is one, and so is what reads a file as needed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, *E]."""

    @property
    def dtype(self) -> DType:
        """The type of the numbers, one that TensorFlow has."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, which: Rows, /) -> Array:
        """Some examples [B, *E], in memory.

        Args:
            which: a slice, or integers [B], none of them negative.
        """


class StreamedArray(ABC):
    """Examples [N, *E] that are read fastest in an order of their own, as from many files: training streams them.

    It is an `ArrayLike` too, for what reads single examples (figures, components that start from examples). A
    dataset whose examples can be read in any order needs no more than an `ArrayLike`.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """[N, *E]."""

    @property
    @abstractmethod
    def dtype(self) -> DType:
        """The type of the numbers, one that TensorFlow has."""

    def __len__(self) -> int:
        """N."""
        return self.shape[0]

    @abstractmethod
    def __getitem__(self, which: Rows, /) -> Array:
        """Some examples [B, *E], in memory; `which` is a slice, or integers [B], none of them negative."""

    @abstractmethod
    def epoch(self, seed: Tensor) -> tf.data.Dataset:
        """Every example once, as pairs: its number, int64 [], and its content, from which `decode` makes it.

        Args:
            seed: int32 [2]; the order is a function of it alone.
        """

    def decode(self, content: Tensor, indices: Tensor) -> Tensor:
        """The stored examples [B, *E] of contents [B, ...]; those that a resumed run skips are not decoded.

        Args:
            content: what `epoch` gives, batched.
            indices: the examples' numbers, int64 [B].
        """
        return content

    def place(self, index: int) -> str:
        """The name of an example in a message."""
        return str(index)

    def fault(self, error: Exception) -> DataError | None:
        """The damaged data that an error from `epoch` or `decode` comes from; None if it comes from elsewhere."""
        return None


@dataclass(frozen=True)
class Split:
    """The examples of one part of a dataset, as stored: `prepare` turns a batch of them into what a model sees.

    Args:
        stored: [N, *E], of any real dtype; images usually stay uint8. An array if it is in memory.
        labels: [N] integers that colour figures, or None.
        divide_by: what the stored values are divided by.
        binarize_on_read: binarise afresh at every reading, P(1) = the value (Salakhutdinov and Murray, On the
            quantitative analysis of deep belief networks, 2008).
        rows: [N] the examples' numbers in the array that they come from; None if these are 0 to N - 1.
    """

    stored: ArrayLike
    labels: Array | None = None
    divide_by: float = 1.0
    binarize_on_read: bool = False
    rows: Array | None = None

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        notes = [f"{len(self)} examples of {self.stored.dtype} {list(self.stored.shape[1:])}"]
        notes += [f"divided by {self.divide_by:g}"] * (self.divide_by != 1.0)
        notes += ["binarised on read"] * self.binarize_on_read
        notes += ["with labels"] * (self.labels is not None)
        return f"<Split: {', '.join(notes)}>"

    def prepare(self, stored: Tensor, seed: Tensor) -> Tensor:
        """Stored values [B, *E] as float32 [B, *E], binarised with `seed` if the split is binarised on read."""
        x = tf.cast(stored, tf.float32)
        if self.divide_by != 1.0:
            x /= self.divide_by
        if self.binarize_on_read:
            x = tf.cast(tf.random.stateless_uniform(tf.shape(x), seed) < x, tf.float32)
        return x

    def blocks(self) -> Iterator[Array]:
        """All stored examples [N, *E], some at a time, so that a pass over all takes little memory."""
        size = max(1, _BLOCK // max(1, math.prod(self.stored.shape[1:])))
        for start in range(0, len(self), size):
            yield self.stored[start : start + size]

    def scaled(self, stored: Array) -> Array:
        """Stored values [B, *E] as float32 [B, *E], divided and not binarised."""
        return stored.astype(np.float32) / np.float32(self.divide_by)

    def intensities(self, count: int | None = None) -> Array:
        """The first `count` examples (all, if None) as float32 [N, *E], divided but never binarised here."""
        return self.scaled(self.stored[:count])


@dataclass(frozen=True)
class LazyIntensities:
    """All that `Split.intensities` would give, computed when it is read: an `ArrayLike` of float32 [N, *E].

    Args:
        split: the examples.
    """

    split: Split

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, *E]."""
        return self.split.stored.shape

    @property
    def dtype(self) -> DType:
        """The type that a model computes in."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, which: Rows) -> Array:
        return self.split.scaled(self.split.stored[which])

    def __array__(self, dtype: npt.DTypeLike = None, copy: bool | None = None) -> Array:
        """All of them, in memory, for functions that take any array."""
        return self.split.intensities().astype(dtype or self.dtype, copy=False)


@dataclass(frozen=True)
class DataInfo:
    """The description of a dataset, known before it is loaded.

    Args:
        event_shape: E, the shape of one example.
        values: the values that a model sees.
        sizes: the numbers of training, validation and test examples.
        protocol: how the values came about, binarisation included; reports show it with every number.
        source: where the data comes from, and under which licence.
        notes: which arrays are used as what, and which are ignored, a line each; shown before a training.
        classes: the names of the labels 0, 1, 2, ... in figures; none if they have no names.
        columns: the names of the elements of an example of shape [n]; none if they have no names.
    """

    event_shape: tuple[int, ...]
    values: Values
    sizes: tuple[int, int, int]
    protocol: str
    source: str
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Data:
    """A loaded dataset: its description and its three splits."""

    info: DataInfo
    train: Split
    validation: Split
    test: Split

    def __repr__(self) -> str:
        sizes = f"{len(self.train)} train, {len(self.validation)} validation, {len(self.test)} test"
        return f"<Data: {sizes}, each {list(self.info.event_shape)}, {self.info.values}>"


class Dataset(Checked, ABC):
    """A source of examples."""

    kind: ClassVar[str] = "dataset"

    def __repr__(self) -> str:
        """The class and the parameters that are not at their defaults, as far as they are attributes."""
        given = []
        for name, parameter in Signature.read(type(self)).all.items():
            value = repr(getattr(self, name, parameter.default))
            if value != repr(parameter.default):
                given.append(f"{name}={shorten(value, 80)}")
        return f"{type(self).__name__}({', '.join(given)})"

    @abstractmethod
    def info(self) -> DataInfo:
        """What the data is, without fetching it.

        Raises:
            UserError: what the user pointed at is not there or not what it should be.
        """

    @abstractmethod
    def load(self) -> Data:
        """The three splits, fetched first where they are not at hand.

        Raises:
            DataError: the data could not be fetched, or is not what it should be.
        """

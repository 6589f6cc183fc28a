"""Datasets as the trainer sees them: examples that stay as small as they came, and how to read a batch of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from textwrap import shorten
from typing import ClassVar, Literal, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from probvae.core.batch import Batch
from probvae.core.checked import Checked
from probvae.core.condition import Condition
from probvae.core.signature import Signature
from probvae.core.types import Array, DType, Table, Tensor
from probvae.core.values import Group, Values
from probvae.errors import ConfigError, DataError, ShapeError

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
        labels: [N] integers, -1 where a label is missing, or None; they colour figures.
        divide_by: what the stored values are divided by.
        binarize_on_read: binarise afresh at every reading, P(1) = the value (Salakhutdinov and Murray, On the
            quantitative analysis of deep belief networks, 2008).
        rows: [N] the examples' numbers in the array that they come from; None if these are 0 to N - 1.
        condition: [N, C] float32, the conditions c of p(x|c), or None; where these are one-hot vectors of labels,
            a split some of whose labels are missing has none.
        observed: [N, *E] bool, which elements are known, or None if all are. The others may have any value, and
            models see 0 there.
        ids: [N] integers or text, the user's names of the examples, which results repeat; or None.

    Raises:
        ShapeError: what is said of each example has another shape or another type.
    """

    stored: ArrayLike
    labels: Array | None = None
    divide_by: float = 1.0
    binarize_on_read: bool = False
    rows: Array | None = None
    condition: Array | None = None
    observed: Array | None = None
    ids: Array | None = None

    def __post_init__(self) -> None:
        count = len(self)
        _check("labels", self.labels, (count,), "iu", "integers")
        _check("condition", self.condition, (count, None), "f", "float32")
        _check("observed", self.observed, tuple(self.stored.shape), "b", "bool")
        _check("ids", self.ids, (count,), "iuU", "integers or text")
        if self.condition is not None and not np.isfinite(self.condition).all():
            row = int(np.argwhere(~np.isfinite(self.condition))[0, 0])
            raise DataError(
                f"condition: expected finite numbers; got NaN or infinity in example {self.name_of(row)}."
            )

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        notes = [f"{len(self)} examples of {self.stored.dtype} {list(self.stored.shape[1:])}"]
        notes += [f"divided by {self.divide_by:g}"] * (self.divide_by != 1.0)
        notes += ["binarised on read"] * self.binarize_on_read
        given = {
            "labels": self.labels,
            "conditions": self.condition,
            "missing values": self.observed,
            "ids": self.ids,
        }
        notes += [f"with {name}" for name, array in given.items() if array is not None]
        return f"<Split: {', '.join(notes)}>"

    @property
    def numbers(self) -> Array:
        """The examples' numbers in the array that they come from: [N]."""
        return np.arange(len(self)) if self.rows is None else self.rows

    def name_of(self, number: int) -> str:
        """What a user knows an example by: its row in the array that it comes from, and its id if it has one."""
        row = number if self.rows is None else self.rows[number]  # not `numbers`, which has all of them
        return f"{row}" if self.ids is None else f"{row} ({str(self.ids[number])!r})"

    @property
    def missing_labels(self) -> int:
        """How many examples have no label."""
        return 0 if self.labels is None else int(np.sum(self.labels == -1))

    def batch(self, which: Rows, seed: Tensor) -> Batch:
        """Some examples as a model sees them; see `prepare` for the seed."""
        labels, condition, observed = (
            None if array is None else tf.convert_to_tensor(array[which])
            for array in (self.labels, self.condition, self.observed)
        )
        labels = None if labels is None else tf.cast(labels, tf.int64)
        return Batch(self.prepare(self.stored[which], seed, observed), condition, labels, observed)

    def prepare(self, stored: Tensor, seed: Tensor, observed: Tensor = None) -> Tensor:
        """Stored values [B, *E] as float32 [B, *E], binarised with `seed` if the split is binarised on read.

        What is not observed [B, *E] becomes 0.
        """
        x = tf.cast(stored, tf.float32)
        if self.divide_by != 1.0:
            x /= self.divide_by
        if self.binarize_on_read:
            x = tf.cast(tf.random.stateless_uniform(tf.shape(x), seed) < x, tf.float32)
        return x if observed is None else tf.where(observed, x, 0.0)

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
        return self.unbinarised(slice(count))

    def unbinarised(self, which: Rows) -> Array:
        """Some examples as float32 [B, *E], divided, not binarised; what is not observed is 0."""
        x = self.scaled(self.stored[which])
        return x if self.observed is None else np.where(self.observed[which], x, np.float32(0.0))


def _check(name: str, array: Array | None, shape: tuple[int | None, ...], kinds: str, expected: str) -> None:
    """Raise if what is said of each example is not an array of this shape, None for any size, and type."""
    if array is None:
        return
    found = np.asarray(array)
    if not tf.TensorShape(found.shape).is_compatible_with(shape) or found.dtype.kind not in kinds:
        sizes = ", ".join("C" if size is None else str(size) for size in shape)
        raise ShapeError(
            f"{name}: expected {expected} [{sizes}], as there are {shape[0]} examples; got {found.dtype} "
            f"{list(found.shape)}."
        )


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
        return self.split.unbinarised(which)

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
        groups: what the elements of an example of shape [n] are, where some may be of another kind than others:
            ("numbers", 3), ("counts", 1), ("categories", 4), ... in their order. A category is a one-hot vector.
        condition: what the columns of the splits' conditions are; None if they have none.
        fitted: what was learnt from the training examples, as the means by which they are standardised, in values
            of JSON. A run stores it, and its dataset gets it by `Dataset.with_fitted` before it reads other data.
    """

    event_shape: tuple[int, ...]
    values: Values
    sizes: tuple[int, int, int]
    protocol: str
    source: str
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    condition: Condition | None = None
    fitted: Table = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """A loaded dataset: its description and its three splits.

    Raises:
        ShapeError: a split has other conditions, or other classes, than the description says.
    """

    info: DataInfo
    train: Split
    validation: Split
    test: Split

    def __post_init__(self) -> None:
        condition = self.info.condition
        expected = condition.size if condition else None
        for name in ("train", "validation", "test"):
            split: Split = getattr(self, name)
            if condition and condition.one_hot and not condition.table and split.labels is not None:
                if len(split) and np.max(split.labels) >= condition.size:
                    raise ShapeError(
                        f"{name}: expected labels from 0 to {condition.size - 1}, of {condition}, or -1 where one "
                        f"is missing; got {np.max(split.labels)}."
                    )
                if split.condition is None and split.missing_labels:
                    continue
            found = None if split.condition is None else split.condition.shape[1]
            if found != expected:
                said = "none" if condition is None else str(condition)
                raise ShapeError(
                    f"{name}: expected conditions as DataInfo.condition says, {said}; got "
                    f"{'none' if found is None else f'{found} columns'}. Correct one of them."
                )

    def check_conditions(self, names: Iterable[str]) -> None:
        """Check that each example of some splits has its condition: that no label is missing which it is made of.

        Raises:
            ConfigError: one is missing.
        """
        for name in names:
            split: Split = getattr(self, name)
            if self.info.condition and split.condition is None:
                raise ConfigError(
                    f"{name}: expected a label for every example, as it is the condition; got "
                    f"{split.missing_labels:,} of {len(split):,} missing (-1). Add them, leave these examples "
                    "out, or train with a classifier and the objective 'semi_supervised'.",
                    parameter="condition",
                )

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

    def with_fitted(self, fitted: Table) -> Self:
        """The same data, prepared by what a run learnt from its training examples in the place of these.

        Args:
            fitted: `DataInfo.fitted` of the run's data; empty if the run learnt nothing, so that nothing may be
                learnt from these examples either.

        Raises:
            ConfigError: a dataset of this class learns nothing, and the run did; or the other way round.
        """
        if not fitted:
            return self
        raise ConfigError(
            f"data: expected data that the {', '.join(fitted)} of the run can be applied to; got "
            f"{type(self).__name__}, which has no such things. Give data of the same kind as that of the run."
        )

    @abstractmethod
    def load(self) -> Data:
        """The three splits, fetched first where they are missing.

        Raises:
            DataError: the data could not be fetched, or is not what it should be.
        """

"""How an example lies in a TFRecord: a feature of a tf.train.Example."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from probvae.core import Tensor, Values

Kind: TypeAlias = Literal["uint8", "float32", "float_list", "int64_list"]

_LISTS = {"float_list": tf.float32, "int64_list": tf.int64}
_MOST_NAMES = 20


class Mistake(NamedTuple):
    """What is wrong with a record, and which parameter of the dataset says otherwise."""

    parameter: str
    expected: str
    found: str


@dataclass(frozen=True)
class Layout:
    """Where in a record an example is.

    Args:
        feature: the name of the feature.
        shape: E, the shape of an example.
        kind: its numbers as raw bytes, uint8 or little-endian float32, or as a list.
    """

    feature: str
    shape: tuple[int, ...]
    kind: Kind

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the numbers."""
        return np.dtype(_LISTS[self.kind].as_numpy_dtype if self.kind in _LISTS else self.kind)

    def parse(self, records: Tensor, names: Tensor) -> Tensor:
        """Examples [B, *E] from records [B]; an error names, from `names` [B], the one that is wrong."""
        if self.kind in _LISTS:
            form = tf.io.FixedLenFeature(self.shape, _LISTS[self.kind])
            return tf.io.parse_example(records, {self.feature: form}, example_names=names)[self.feature]
        form = tf.io.FixedLenFeature((), tf.string)
        content = tf.io.parse_example(records, {self.feature: form}, example_names=names)[self.feature]
        content = demand(tf.strings.length(content) == self._bytes, content, names)
        values = tf.io.decode_raw(content, tf.as_dtype(self.kind), fixed_length=self._bytes)
        return tf.reshape(values, (-1, *self.shape))

    @property
    def _bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def least_bytes(self) -> int:
        """What a record with an example takes at the very least: an integer in a list may take one byte."""
        return math.prod(self.shape) if self.kind == "int64_list" else self._bytes

    def others(self, record: bytes) -> list[str]:
        """The names of a record's other features."""
        features = tf.train.Example.FromString(record).features.feature
        return sorted(name for name in features if name != self.feature)[:_MOST_NAMES]

    def mistake(self, record: bytes) -> Mistake | None:
        """What is wrong with a record, in words."""
        try:
            features = tf.train.Example.FromString(record).features.feature
        except DecodeError:
            return Mistake("feature", "records that are tf.train.Example messages", "something else")
        if self.feature not in features:
            named = sorted(features)[:_MOST_NAMES]
            return Mistake("feature", f"a feature {self.feature!r}", f"features {', '.join(named) or '(none)'}")
        value = features[self.feature]
        found = value.WhichOneof("kind") or "nothing"
        expected = self.kind if self.kind in _LISTS else "bytes_list"
        if found != expected:
            return Mistake("dtype", f"{self.feature!r} to be a {expected}, for {self.kind}", f"a {found}")
        values = getattr(value, expected).value
        if self.kind in _LISTS:
            size = math.prod(self.shape)
            if len(values) != size:
                return Mistake("shape", f"{size:,} numbers in {self.feature!r} ({self._form})", f"{len(values):,}")
        elif len(values) != 1:
            return Mistake("feature", f"one string of bytes in {self.feature!r}", f"{len(values)}")
        elif len(values[0]) != self._bytes:
            found = f"{len(values[0]):,}"
            return Mistake("shape", f"{self._bytes:,} bytes in {self.feature!r} ({self.kind} {self._form})", found)
        return None

    @property
    def _form(self) -> str:
        return str(list(self.shape))


def demand(good: Tensor, values: Tensor, names: Tensor) -> Tensor:
    """The values, if what is asked of each [B] holds; else an error that names those [B] for which it does not."""
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(good), [tf.boolean_mask(names, ~good)])]):
        return tf.identity(values)


def within(x: Tensor, values: Values) -> Tensor:
    """Whether each example [B, *E] takes finite values of a kind: booleans [B]."""
    x = tf.cast(x, tf.float32)
    good = tf.math.is_finite(x) & (x >= values.low) & (x <= values.high)
    if values.integer:
        good &= x == tf.round(x)
    return tf.reduce_all(good, axis=tf.range(1, tf.rank(x)))

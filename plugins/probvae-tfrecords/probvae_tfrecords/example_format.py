"""How an example is encoded in a TFRecord: a feature of a tf.train.Example."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from probvae import Tensor, Values

Encoding: TypeAlias = Literal["uint8", "float32", "float_list", "int64_list"]

_LISTS = {"float_list": tf.float32, "int64_list": tf.int64}
_MOST_NAMES = 20


class Mistake(NamedTuple):
    """What is wrong with a record, and the parameter of the dataset that says otherwise."""

    parameter: str
    expected: str
    got: str


@dataclass(frozen=True)
class ExampleFormat:
    """Where and how a record holds an example.

    Args:
        feature: the name of the feature.
        shape: E, the shape of an example.
        encoding: its numbers as raw bytes, uint8 or little-endian float32, or as a list.
    """

    feature: str
    shape: tuple[int, ...]
    encoding: Encoding

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the numbers."""
        return np.dtype(_LISTS[self.encoding].as_numpy_dtype if self.encoding in _LISTS else self.encoding)

    @property
    def size(self) -> int:
        """The bytes of an example in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def least_bytes(self) -> int:
        """The least number of bytes of a record with an example: an integer in a list may need only one."""
        return math.prod(self.shape) if self.encoding == "int64_list" else self.size

    def parse(self, records: Tensor, names: Tensor) -> Tensor:
        """Examples [B, *E] from records [B]; an error contains the name, from `names` [B], of the wrong one."""
        if self.encoding in _LISTS:
            form = tf.io.FixedLenFeature(self.shape, _LISTS[self.encoding])
            return tf.io.parse_example(records, {self.feature: form}, example_names=names)[self.feature]
        form = tf.io.FixedLenFeature((), tf.string)
        content = tf.io.parse_example(records, {self.feature: form}, example_names=names)[self.feature]
        content = demand(tf.strings.length(content) == self.size, content, names)
        values = tf.io.decode_raw(content, tf.as_dtype(self.encoding), fixed_length=self.size)
        return tf.reshape(values, (-1, *self.shape))

    def others(self, record: bytes) -> list[str]:
        """The names of a record's other features."""
        features = tf.train.Example.FromString(record).features.feature
        return sorted(name for name in features if name != self.feature)[:_MOST_NAMES]

    def mistake(self, record: bytes) -> Mistake | None:
        """What is wrong with a record, in words; None if nothing is."""
        try:
            features = tf.train.Example.FromString(record).features.feature
        except DecodeError:
            return Mistake("feature", "records that are tf.train.Example messages", "something else")
        if self.feature not in features:
            names = ", ".join(sorted(features)[:_MOST_NAMES]) or "(none)"
            return Mistake("feature", f"a feature {self.feature!r}", f"features {names}")
        value, name = features[self.feature], repr(self.feature)
        kind = value.WhichOneof("kind") or "nothing"
        expected: str = self.encoding if self.encoding in _LISTS else "bytes_list"
        if kind != expected:
            return Mistake("dtype", f"{name} to be a {expected}, for {self.encoding}", f"a {kind}")
        values, shape = getattr(value, expected).value, list(self.shape)
        if self.encoding in _LISTS:
            count = math.prod(self.shape)
            if len(values) != count:
                return Mistake("shape", f"{count:,} numbers in {name} ({shape})", f"{len(values):,}")
        elif len(values) != 1:
            return Mistake("feature", f"one string of bytes in {name}", f"{len(values)}")
        elif len(values[0]) != self.size:
            expected = f"{self.size:,} bytes in {name} ({self.encoding} {shape})"
            return Mistake("shape", expected, f"{len(values[0]):,}")
        return None


def demand(good: Tensor, values: Tensor, names: Tensor) -> Tensor:
    """The values, if all of `good` [B] hold; else an error with the names of those that do not."""
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(good), [tf.boolean_mask(names, ~good)])]):
        return tf.identity(values)


def within(x: Tensor, values: Values) -> Tensor:
    """Whether each example [B, *E] has finite values of a kind: booleans [B]."""
    x = tf.cast(x, tf.float32)
    good = tf.math.is_finite(x) & (x >= values.low) & (x <= values.high)
    if values.integer:
        good &= x == tf.round(x)
    return tf.reduce_all(good, axis=tf.range(1, tf.rank(x)))

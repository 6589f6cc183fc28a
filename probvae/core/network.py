"""Network: a function of tensors, inside encoders, decoders and whatever else learns one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Self

import keras
import tensorflow as tf

from probvae.core.blocks import in_blocks
from probvae.core.component import Component
from probvae.core.types import Shape, Tensor
from probvae.errors import ShapeError, UserError


class Network(Component, ABC):
    """A function from tensors [..., *I] to tensors [..., *O]. It knows nothing of distributions.

    Its `__init__` takes settings only; what it is a part of knows the shapes, and connects it to them. To write
    one: a class, a typed `__init__`, and two methods, which make the layers and use them.

        class Affine(Network):
            def make_layers(self, in_shape, out_shape):
                self.linear = keras.layers.Dense(math.prod(out_shape), dtype="float32")

            def map_rows(self, rows):
                return self.linear(keras.ops.reshape(rows, (-1, math.prod(self.in_shape))))

    Layers compute in the precision that was Keras' dtype policy when the network was made. Make the last one with
    dtype="float32", as its outputs are the parameters of a distribution.

    Attributes:
        in_shape: I, the shape of one input, once connected.
        out_shape: O, the shape of one output, once connected.
    """

    kind: ClassVar[str] = "network"

    def __init__(self) -> None:
        super().__init__()
        self.in_shape: Shape = ()
        self.out_shape: Shape = ()
        self.connected = False

    def connect(self, in_shape: Shape, out_shape: Shape) -> Self:
        """Make the layers for inputs [..., *I] and outputs [..., *O], and return the network. This is done once.

        Args:
            in_shape: I.
            out_shape: O.

        Raises:
            UserError: the network is connected to other shapes already.
            ConfigError: the network does not support these shapes.
            ShapeError: `map_rows` returns something else than [N, *O].
        """
        shapes = tuple(in_shape), tuple(out_shape)
        if not self.connected:
            self.in_shape, self.out_shape = shapes
            with dtype_policy(self.dtype_policy):
                self.make_layers(*shapes)
                self._outputs(tf.zeros((2, *self.in_shape)))  # makes the variables of layers built on first use
            self.adopt_again()
            self.connected = True
        if shapes != (self.in_shape, self.out_shape):
            raise UserError(
                f"{type(self).__name__}: expected shapes {list(self.in_shape)} to {list(self.out_shape)}, "
                f"to which it is connected; got {list(shapes[0])} to {list(shapes[1])}. Make another one."
            )
        return self

    def outputs(self, inputs: Tensor) -> Tensor:
        """The outputs [..., *O] of inputs [..., *I], in float32 whatever precision the layers compute in.

        Raises:
            UserError: the network is not connected yet.
            ShapeError: the inputs do not end in I.
        """
        if not self.connected:
            raise UserError(
                f"{type(self).__name__}: expected a connected network, as it has no layers before. Give it to an "
                "encoder or a decoder, or call connect(in_shape, out_shape)."
            )
        return self._outputs(inputs)

    def _outputs(self, inputs: Tensor) -> Tensor:
        inputs = tf.cast(inputs, tf.float32)
        rank = len(self.in_shape)
        if inputs.shape.rank < rank or not inputs.shape[inputs.shape.rank - rank :].is_compatible_with(
            self.in_shape
        ):
            raise ShapeError(
                f"{type(self).__name__}: expected inputs [..., {', '.join(map(str, self.in_shape))}]; got "
                f"{inputs.shape.as_list()}. Reshape them, or connect the network to this shape."
            )
        leading = inputs.shape[: inputs.shape.rank - rank]
        inputs_by_row = tf.reshape(inputs, (-1, *self.in_shape))  # [N, *I]
        rows = in_blocks(
            self.map_rows, inputs_by_row, math.prod(self.in_shape) + math.prod(self.out_shape)
        )  # [N, *O]
        if not rows.shape[1:].is_compatible_with(self.out_shape):
            raise ShapeError(
                f"{type(self).__name__}: expected map_rows to return [N, {', '.join(map(str, self.out_shape))}]; "
                f"got {rows.shape.as_list()}. Reshape the outputs of the last layer."
            )
        shape = tf.concat([tf.shape(inputs)[: len(leading)], self.out_shape], axis=0)
        return tf.ensure_shape(tf.reshape(tf.cast(rows, tf.float32), shape), [*leading, *self.out_shape])

    @abstractmethod
    def make_layers(self, in_shape: Shape, out_shape: Shape) -> None:
        """Assign the layers for inputs [*I] and outputs [*O] to attributes. They need not be built."""

    @abstractmethod
    def map_rows(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of rows [N, *I]; those of a row must not depend on the others."""


@contextmanager
def dtype_policy(policy: object) -> Iterator[None]:
    """Layers that are made in here compute in this precision; variables are float32 in any."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)

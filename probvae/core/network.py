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

    A condition [..., C] joins the inputs before the network sees them: it is appended to their last axis, for
    images and signals as C more channels, the same everywhere.

    Attributes:
        takes_vectors: whether the network makes vectors of its inputs, whatever their shape. A condition is then
            appended to the vector instead, in which each number has weights of its own.
        convolutional: whether it has convolutions, which train faster in bfloat16 on some processors.
        in_shape: I, the shape of one input together with its condition, once connected.
        out_shape: O, the shape of one output, once connected.
    """

    kind: ClassVar[str] = "network"
    takes_vectors: ClassVar[bool] = False
    convolutional: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.in_shape: Shape = ()
        self.out_shape: Shape = ()
        self.connected = False
        self._connection: tuple[Shape, Shape, int] = ((), (), 0)

    def connect(self, in_shape: Shape, out_shape: Shape, condition_dim: int = 0) -> Self:
        """Make the layers for inputs [..., *I] and outputs [..., *O], and return the network. This is done once.

        Args:
            in_shape: the shape of one input, without its condition.
            out_shape: O.
            condition_dim: C; 0 if `outputs` gets no condition.

        Raises:
            UserError: the network is connected to other shapes already.
            ConfigError: the network does not support these shapes.
            ShapeError: `map_rows` returns something else than [N, *O].
        """
        wanted = tuple(in_shape), tuple(out_shape), condition_dim
        if not self.connected:
            self._connection = wanted
            self.in_shape = _joined_shape(wanted[0], condition_dim, self.takes_vectors)
            self.out_shape = wanted[1]
            with dtype_policy(self.dtype_policy):
                self.make_layers(self.in_shape, self.out_shape)
                self._outputs(tf.zeros((2, *self.in_shape)))  # makes the variables of layers built on first use
            self.adopt_again()
            self.connected = True
        if wanted != self._connection:
            raise UserError(
                f"{type(self).__name__}: expected shapes {_described(*self._connection)}, to which it is "
                f"connected; got {_described(*wanted)}. Make another one."
            )
        return self

    def outputs(self, inputs: Tensor, condition: Tensor = None) -> Tensor:
        """The outputs [..., *O] of inputs [..., *I], in float32 whatever precision the layers compute in.

        Args:
            inputs: with any leading shape [...].
            condition: what broadcasts to [..., C], where the network is connected to a condition.

        Raises:
            UserError: the network is not connected yet.
            ShapeError: the inputs do not end in I.
        """
        if not self.connected:
            raise UserError(
                f"{type(self).__name__}: expected a connected network, as it has no layers before. Give it to an "
                "encoder or a decoder, or call connect(in_shape, out_shape)."
            )
        shape, _, condition_dim = self._connection
        return self._outputs(_joined(inputs, condition, shape, self.takes_vectors) if condition_dim else inputs)

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


def _described(in_shape: Shape, out_shape: Shape, condition_dim: int) -> str:
    with_condition = f" with a condition of {condition_dim}" if condition_dim else ""
    return f"{list(in_shape)}{with_condition} to {list(out_shape)}"


def _joined_shape(shape: Shape, condition_dim: int, flat: bool) -> Shape:
    """The shape of inputs [*shape] together with a condition [C].

    >>> _joined_shape((28, 28, 1), 10, False), _joined_shape((28, 28, 1), 10, True), _joined_shape((2,), 10, False)
    ((28, 28, 11), (794,), (12,))
    """
    if not condition_dim:
        return shape
    return (math.prod(shape) + condition_dim,) if flat else (*shape[:-1], shape[-1] + condition_dim)


def _joined(inputs: Tensor, condition: Tensor, shape: Shape, flat: bool) -> Tensor:
    """Inputs [..., *shape] and a condition that broadcasts to [..., C] in one tensor, as `_joined_shape` says."""
    inputs, condition = tf.cast(inputs, tf.float32), tf.cast(condition, tf.float32)
    leading = tf.shape(inputs)[: inputs.shape.rank - len(shape)]
    if flat:
        inputs, shape = tf.reshape(inputs, tf.concat([leading, [math.prod(shape)]], axis=0)), (math.prod(shape),)
    size, between = condition.shape[-1], shape[:-1]  # the same everywhere between the leading axes and the last
    spread = tf.reshape(
        condition, tf.concat([tf.shape(condition)[:-1], [*(1 for _ in between), size]], axis=0)
    )  # [..., 1 ..., C]
    spread = tf.broadcast_to(spread, tf.concat([leading, [*between, size]], axis=0))
    return tf.concat([inputs, spread], axis=-1)


@contextmanager
def dtype_policy(policy: object) -> Iterator[None]:
    """Layers that are made in here compute in this precision; variables are float32 in any."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)

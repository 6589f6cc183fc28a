"""Fully connected networks, plain or gated."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar, Literal, TypeAlias

import keras
import tensorflow as tf

from probvae.components.networks.network import Network
from probvae.core import Shape, Tensor

Activation: TypeAlias = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh"]
DenseActivation: TypeAlias = Literal["gated", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh"]


class Dense(Network):
    """Fully connected layers: the input flattened, hidden layers, a linear output.

    With `activation="gated"` a hidden layer is (W x + b) * sigmoid(V x + c) (Dauphin et al., Language modeling
    with gated convolutional networks, 2017). Hidden kernels start as He et al. (2015) propose.

    Args:
        in_shape: I, the shape of one input.
        out_shape: O, the shape of one output.
        hidden: the sizes of the hidden layers; none makes the network affine.
        activation: what follows each hidden layer.
        output_scale: the variance scale of the last kernel at the start; small for outputs near zero.
    """

    name_in_errors: ClassVar[str] = "dense network"

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        hidden: Sequence[int] = (300, 300),
        activation: DenseActivation = "relu",
        output_scale: float = 1.0,
    ) -> None:
        super().__init__(in_shape, out_shape)
        self.hidden = []
        size = prod(self.in_shape)
        for units in hidden:
            if activation == "gated":
                layer = Gated(units)
            else:
                layer = keras.layers.Dense(units, activation, kernel_initializer="he_normal")
            layer.build((None, size))
            self.hidden.append(layer)
            size = units
        initializer = keras.initializers.VarianceScaling(output_scale, "fan_avg", "uniform")
        self.last = keras.layers.Dense(prod(self.out_shape), kernel_initializer=initializer, dtype="float32")
        self.last.build((None, size))

    def compute(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of rows [N, *I]."""
        features = tf.reshape(rows, (-1, prod(self.in_shape)))
        for layer in self.hidden:
            features = layer(features)
        return tf.reshape(self.last(features), (-1, *self.out_shape))


class Gated(keras.layers.Layer):
    """(W x + b) * sigmoid(V x + c), as one matrix product.

    Args:
        units: how many outputs.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.linear_and_gate = keras.layers.Dense(2 * units, kernel_initializer="he_normal")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self.linear_and_gate.build(input_shape)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """[N, I] -> [N, units]."""
        linear, gate = tf.split(self.linear_and_gate(x), 2, axis=-1)
        return linear * tf.sigmoid(gate)

"""Activations of layers, and layers with a gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import keras
import tensorflow as tf

from probvae.core import Tensor

Activation: TypeAlias = Literal["gated", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh"]


class Gated(keras.layers.Layer):
    """(W x + b) * sigmoid(V x + c), by one layer for both W and V.

    Dauphin et al., Language modeling with gated convolutional networks (2017).

    Args:
        linear_and_gate: a linear layer with twice the number of outputs.
    """

    def __init__(self, linear_and_gate: keras.layers.Layer) -> None:
        super().__init__()
        self.linear_and_gate = linear_and_gate

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self.linear_and_gate.build(input_shape)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """[N, ..., I] -> [N, ..., units]."""
        linear, gate = tf.split(self.linear_and_gate(x), 2, axis=-1)
        return linear * tf.sigmoid(gate)


def activated(
    make: Callable[..., keras.layers.Layer], units: int, activation: Activation, **options: object
) -> keras.layers.Layer:
    """A layer with an activation; a gated one has twice the units inside, and He's initial kernel.

    Args:
        make: makes the layer from the number of its units and from options.
        units: how many outputs, or filters.
        activation: of the layer.
        options: of the layer.
    """
    if activation == "gated":
        return Gated(make(2 * units, **{"kernel_initializer": "he_normal", **options}))
    return make(units, activation=activation, **options)

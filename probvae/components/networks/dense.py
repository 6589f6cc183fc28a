"""Fully connected networks, plain or gated."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import keras
import tensorflow as tf

from probvae.components.networks.activations import Activation, activated
from probvae.core import Network, Positive, PositiveFloat, Shape, Tensor


class Dense(Network):
    """Fully connected layers, for inputs and outputs of any shape; the last one is linear.

    With `activation="gated"` a hidden layer is (W x + b) * sigmoid(V x + c) (Dauphin et al., Language modeling
    with gated convolutional networks, 2017). Hidden kernels start as He et al. (Delving deep into rectifiers,
    2015) propose.

    Args:
        hidden: the sizes of the hidden layers; with none the network is affine.
        activation: of each hidden layer; "gated" multiplies it by a sigmoid gate.
        output_scale: the variance scale of the last kernel's initial values; small for outputs near 0.
    """

    takes_vectors: ClassVar[bool] = True

    def __init__(
        self,
        hidden: tuple[Positive, ...] = (300, 300),
        activation: Activation = "relu",
        output_scale: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.sizes = tuple(hidden)
        self.activation = activation
        self.output_scale = output_scale

    def make_layers(self, in_shape: Shape, out_shape: Shape) -> None:
        """The hidden layers and the last one."""
        self.hidden = [
            activated(keras.layers.Dense, units, self.activation, kernel_initializer="he_normal")
            for units in self.sizes
        ]
        initializer = keras.initializers.VarianceScaling(self.output_scale, "fan_avg", "uniform")
        self.last = keras.layers.Dense(prod(out_shape), kernel_initializer=initializer, dtype="float32")

    def map_rows(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of rows [N, *I]."""
        features = tf.reshape(rows, (-1, prod(self.in_shape)))
        for layer in self.hidden:
            features = layer(features)
        return tf.reshape(self.last(features), (-1, *self.out_shape))

"""Convolutions down to a feature vector, and transposed convolutions up to an image."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import keras
import tensorflow as tf

from probvae.components.networks.dense import Activation
from probvae.components.networks.layout import per_layer, reduced
from probvae.components.networks.network import Network
from probvae.core import Shape, Tensor


class Conv(Network):
    """Strided convolutions, flattened, and a linear layer.

    Args:
        in_shape: I = [height, width, channels]; both sizes must divide by the product of the strides.
        out_shape: O, the shape of one output.
        filters: how many filters each convolution has.
        kernel_size: one for all convolutions, or one for each.
        strides: one for all convolutions, or one for each.
        activation: what follows each convolution.
    """

    name_in_errors: ClassVar[str] = "conv network"

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        filters: Sequence[int] = (32, 64),
        kernel_size: int | Sequence[int] = 3,
        strides: int | Sequence[int] = 2,
        activation: Activation = "relu",
    ) -> None:
        super().__init__(in_shape, out_shape)
        kernels = per_layer("kernel_size", kernel_size, len(filters))
        steps = per_layer("strides", strides, len(filters))
        height, width = reduced("conv", self.in_shape, steps)
        self.convolutions = []
        shape = self.in_shape
        for count, kernel, step in zip(filters, kernels, steps, strict=True):
            layer = keras.layers.Conv2D(count, kernel, step, padding="same", activation=activation)
            layer.build((None, *shape))
            self.convolutions.append(layer)
            shape = (shape[0] // step, shape[1] // step, count)
        self.features = height * width * shape[-1]
        self.last = keras.layers.Dense(prod(self.out_shape), dtype="float32")
        self.last.build((None, self.features))

    def compute(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of images [N, H, W, C]."""
        maps = rows
        for layer in self.convolutions:
            maps = layer(maps)
        return tf.reshape(self.last(tf.reshape(maps, (-1, self.features))), (-1, *self.out_shape))


class ConvTranspose(Network):
    """A dense layer to a small stack of maps, strided transposed convolutions, and one more to the output.

    Args:
        in_shape: I, the shape of one input.
        out_shape: O = [height, width, channels]; both sizes must divide by the product of the strides.
        filters: how many filters each strided transposed convolution has.
        kernel_size: one for all transposed convolutions, or one for each; the last, linear one has kernel 3.
        strides: one for all transposed convolutions, or one for each.
        base_filters: how many maps the dense layer makes.
        activation: what follows every layer but the last.
    """

    name_in_errors: ClassVar[str] = "conv_transpose network"

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        filters: Sequence[int] = (64, 32),
        kernel_size: int | Sequence[int] = 3,
        strides: int | Sequence[int] = 2,
        base_filters: int = 32,
        activation: Activation = "relu",
    ) -> None:
        super().__init__(in_shape, out_shape)
        kernels = per_layer("kernel_size", kernel_size, len(filters))
        steps = per_layer("strides", strides, len(filters))
        self.base_shape = (*reduced("conv_transpose", self.out_shape, steps), base_filters)
        self.first = keras.layers.Dense(prod(self.base_shape), activation)
        self.first.build((None, prod(self.in_shape)))
        self.convolutions = []
        height, width, channels = self.base_shape
        for count, kernel, step in zip(filters, kernels, steps, strict=True):
            layer = keras.layers.Conv2DTranspose(count, kernel, step, padding="same", activation=activation)
            layer.build((None, height, width, channels))
            self.convolutions.append(layer)
            height, width, channels = height * step, width * step, count
        self.last = keras.layers.Conv2DTranspose(self.out_shape[-1], 3, padding="same", dtype="float32")
        self.last.build((None, height, width, channels))

    def compute(self, rows: Tensor) -> Tensor:
        """The images [N, H, W, C] of rows [N, *I]."""
        maps = tf.reshape(self.first(tf.reshape(rows, (-1, prod(self.in_shape)))), (-1, *self.base_shape))
        for layer in self.convolutions:
            maps = layer(maps)
        return self.last(maps)

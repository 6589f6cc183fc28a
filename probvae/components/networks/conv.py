"""Convolutions down to a vector, and transposed convolutions up to an image or a signal."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Annotated, ClassVar

import keras
import tensorflow as tf
from annotated_types import MinLen

from probvae.components.networks.activations import Activation, activated
from probvae.components.networks.grids import cropped, flat, layer, per_layer, size_of, sizes_after
from probvae.core import Network, Positive, Shape, Tensor


class Conv(Network):
    """Strided convolutions of an image or a signal, flattened, and a linear layer.

    Inputs are images [height, width, channels] or signals [length, channels] of any size.

    Args:
        filters: the number of filters of each convolution.
        kernel_size: one for all convolutions, or one for each.
        strides: one for all convolutions, or one for each.
        activation: of each convolution; "gated" multiplies it by a sigmoid gate.

    Raises:
        ConfigError: kernel_size or strides is a list of another length than filters.
    """

    convolutional: ClassVar[bool] = True

    def __init__(
        self,
        filters: Annotated[tuple[Positive, ...], MinLen(1)] = (32, 64),
        kernel_size: Positive | tuple[Positive, ...] = 3,
        strides: Positive | tuple[Positive, ...] = 2,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.filters = tuple(filters)
        self.kernels = per_layer("kernel_size", kernel_size, len(filters))
        self.strides = per_layer("strides", strides, len(filters))
        self.activation = activation

    def make_layers(self, in_shape: Shape, out_shape: Shape) -> None:
        """The convolutions, and the linear layer."""
        upwards = len(in_shape) == 1 < len(out_shape)
        hint = "Use 'conv_transpose', which goes from vectors to images." if upwards else "Use 'dense'."
        size = size_of("conv", in_shape, hint)
        make = partial(layer, "conv", size)
        self.convolutions = [
            activated(make, count, self.activation, kernel_size=kernel, strides=stride, padding="same")
            for count, kernel, stride in zip(self.filters, self.kernels, self.strides, strict=True)
        ]
        self.last = keras.layers.Dense(prod(out_shape), dtype="float32")

    def map_rows(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of images or signals [N, *I]."""
        maps = rows
        for convolution in self.convolutions:
            maps = convolution(maps)
        return tf.reshape(self.last(flat(maps)), (-1, *self.out_shape))


class ConvTranspose(Network):
    """Dense layers to a small stack of maps, then strided transposed convolutions up to an image or a signal.

    Outputs are images [height, width, channels] or signals [length, channels] of any size; where a stride does not
    divide it, the maps are cropped. With strides = 1 the dense layers make maps of the full size.

    Args:
        filters: the number of filters of each strided transposed convolution.
        kernel_size: one for all of them, or one for each.
        strides: one for all of them, or one for each.
        base_filters: the number of maps that the dense layer makes.
        activation: of each layer but the last; "gated" multiplies it by a sigmoid gate.
        hidden: the sizes of dense layers before the one that makes the maps.
        last_kernel_size: of the last, linear transposed convolution, whose stride is 1.

    Raises:
        ConfigError: kernel_size or strides is a list of another length than filters.
    """

    convolutional: ClassVar[bool] = True

    def __init__(
        self,
        filters: Annotated[tuple[Positive, ...], MinLen(1)] = (64, 32),
        kernel_size: Positive | tuple[Positive, ...] = 3,
        strides: Positive | tuple[Positive, ...] = 2,
        base_filters: Positive = 32,
        activation: Activation = "relu",
        hidden: tuple[Positive, ...] = (),
        last_kernel_size: Positive = 3,
    ) -> None:
        super().__init__()
        self.filters = tuple(filters)
        self.kernels = per_layer("kernel_size", kernel_size, len(filters))
        self.strides = per_layer("strides", strides, len(filters))
        self.base_filters = base_filters
        self.sizes_of_hidden = tuple(hidden)
        self.last_kernel_size = last_kernel_size
        self.activation = activation

    def make_layers(self, in_shape: Shape, out_shape: Shape) -> None:
        """The dense layers and the transposed convolutions."""
        downwards = len(out_shape) == 1 < len(in_shape)
        hint = "Use 'conv', which goes from images to vectors." if downwards else "Use 'dense'."
        size = size_of("conv_transpose", out_shape, hint)
        base, *self.sizes = reversed(sizes_after(size, self.strides[::-1]))
        self.base_shape = (*base, self.base_filters)
        self.hidden = [activated(keras.layers.Dense, units, self.activation) for units in self.sizes_of_hidden]
        self.first = activated(keras.layers.Dense, prod(self.base_shape), self.activation)
        make = partial(layer, "conv_transpose", size)
        self.convolutions = [
            activated(make, count, self.activation, kernel_size=kernel, strides=stride, padding="same")
            for count, kernel, stride in zip(self.filters, self.kernels, self.strides, strict=True)
        ]
        self.last = make(out_shape[-1], self.last_kernel_size, padding="same", dtype="float32")

    def map_rows(self, rows: Tensor) -> Tensor:
        """The images or signals [N, *O] of rows [N, *I]."""
        features = flat(rows)
        for dense in self.hidden:
            features = dense(features)
        maps = tf.reshape(self.first(features), (-1, *self.base_shape))
        for convolution, size in zip(self.convolutions, self.sizes, strict=True):
            maps = cropped(convolution(maps), size)
        return self.last(maps)

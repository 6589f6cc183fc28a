"""Residual convolutions, down to a vector or up to an image or a signal."""

from __future__ import annotations

from math import prod
from typing import Annotated, ClassVar

import keras
import tensorflow as tf
from annotated_types import MinLen

from probvae.components.networks.grids import cropped, flat, layer, size_of, sizes_after
from probvae.core import Network, Positive, Shape, Tensor


class ResNet(Network):
    """Stages of residual blocks, from an image or a signal down to a vector, or from a vector up.

    Images are [height, width, channels] and signals [length, channels], of any size. Down, each stage halves them,
    and a linear layer follows the last. Up, a linear layer comes first, each stage doubles them, and a linear
    convolution follows the last. They are doubled by repeating elements before a convolution, which leaves no
    checkerboard (Odena, Dumoulin, Olah, Deconvolution and checkerboard artifacts, 2016).

    Args:
        filters: the number of filters of each stage, on the way down; on the way up the stages come in reverse.
        blocks: the number of residual blocks per stage.
    """

    convolutional: ClassVar[bool] = True

    def __init__(
        self, filters: Annotated[tuple[Positive, ...], MinLen(1)] = (32, 64), blocks: Positive = 1
    ) -> None:
        super().__init__()
        self.filters = tuple(filters)
        self.blocks = blocks

    def make_layers(self, in_shape: Shape, out_shape: Shape) -> None:
        """The stages, and a linear layer on either side."""
        self.is_down = len(in_shape) > 1
        size = size_of("resnet", in_shape if self.is_down else out_shape, "Use 'dense'.")
        sizes = sizes_after(size, (2,) * len(self.filters))
        if self.is_down:
            self.stages = [
                [layer("conv", size, count, 3, 2, padding="same"), *self._blocks(size, count)]
                for count in self.filters
            ]
            self.last = keras.layers.Dense(prod(out_shape), dtype="float32")
            return
        base, *self.sizes = reversed(sizes)
        self.base_shape = (*base, self.filters[-1])
        self.first = keras.layers.Dense(prod(self.base_shape))
        self.double = layer("repeat", size, 2)
        self.stages = [
            [layer("conv", size, count, 3, padding="same"), *self._blocks(size, count)]
            for count in reversed(self.filters)
        ]
        self.last = layer("conv", size, out_shape[-1], 3, padding="same", dtype="float32")

    def _blocks(self, size: Shape, count: int) -> list[ResidualBlock]:
        return [ResidualBlock(size, count, depth=self.blocks * len(self.filters)) for _ in range(self.blocks)]

    def map_rows(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of rows [N, *I]."""
        return self._down(rows) if self.is_down else self._up(rows)

    def _down(self, rows: Tensor) -> Tensor:
        maps = rows
        for stage in self.stages:
            maps = _through(stage, maps)
        return tf.reshape(self.last(flat(tf.nn.silu(maps))), (-1, *self.out_shape))

    def _up(self, rows: Tensor) -> Tensor:
        maps = tf.reshape(self.first(flat(rows)), (-1, *self.base_shape))
        for stage, size in zip(self.stages, self.sizes, strict=True):
            maps = _through(stage, cropped(self.double(maps), size))
        return self.last(tf.nn.silu(maps))


def _through(layers: list[keras.layers.Layer], maps: Tensor) -> Tensor:
    for one in layers:
        maps = one(maps)
    return maps


class ResidualBlock(keras.layers.Layer):
    """x + conv(silu(conv(silu(x)))), after He et al., Identity mappings in deep residual networks (2016).

    There is no normalisation across the batch, so that no example depends on another. The second convolution
    starts small instead, scaled by the depth (Zhang, Dauphin, Ma, Fixup initialization, 2019), yet not at zero:
    at zero the first one would begin without a gradient.

    Args:
        size: of the images or signals; its length says which of the two they are.
        filters: how many filters, as many as the input has channels.
        depth: how many blocks the network has.
    """

    def __init__(self, size: Shape, filters: int, depth: int) -> None:
        super().__init__()
        self.first = layer("conv", size, filters, 3, padding="same")
        small = keras.initializers.VarianceScaling(1.0 / depth)
        self.second = layer("conv", size, filters, 3, padding="same", kernel_initializer=small)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self.first.build(input_shape)
        self.second.build(input_shape)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """[N, *size, C] -> [N, *size, C]."""
        return x + self.second(tf.nn.silu(self.first(tf.nn.silu(x))))

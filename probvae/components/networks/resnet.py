"""Residual convolutions, down to a feature vector and up to an image."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import keras
import tensorflow as tf

from probvae.components.networks.layout import reduced
from probvae.components.networks.network import Network
from probvae.core import Shape, Tensor


class ResNetDown(Network):
    """Stages of residual blocks, each stage halving the image; then a linear layer.

    Args:
        in_shape: I = [height, width, channels]; both sizes must divide by 2 to the number of stages.
        out_shape: O, the shape of one output.
        filters: how many filters each stage has.
        blocks: residual blocks per stage.
    """

    name_in_errors: ClassVar[str] = "resnet network"

    def __init__(
        self, in_shape: Shape, out_shape: Shape, filters: Sequence[int] = (32, 64), blocks: int = 1
    ) -> None:
        super().__init__(in_shape, out_shape)
        height, width = reduced("resnet", self.in_shape, (2,) * len(filters), parameter="filters")
        self.stages = []
        shape = self.in_shape
        for count in filters:
            halve = keras.layers.Conv2D(count, 3, 2, padding="same")
            halve.build((None, *shape))
            shape = (shape[0] // 2, shape[1] // 2, count)
            self.stages.append([halve, *_blocks(blocks, shape, depth=blocks * len(filters))])
        self.features = height * width * shape[-1]
        self.last = keras.layers.Dense(prod(self.out_shape), dtype="float32")
        self.last.build((None, self.features))

    def compute(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of images [N, H, W, C]."""
        maps = rows
        for stage in self.stages:
            for layer in stage:
                maps = layer(maps)
        features = tf.reshape(tf.nn.silu(maps), (-1, self.features))
        return tf.reshape(self.last(features), (-1, *self.out_shape))


class ResNetUp(Network):
    """A dense layer, then stages of residual blocks, each stage doubling the image; then a convolution.

    Images are doubled by repeating pixels before a convolution, which leaves no checkerboard (Odena, Dumoulin,
    Olah, Deconvolution and checkerboard artifacts, 2016).

    Args:
        in_shape: I, the shape of one input.
        out_shape: O = [height, width, channels]; both sizes must divide by 2 to the number of stages.
        filters: how many filters each stage has.
        blocks: residual blocks per stage.
    """

    name_in_errors: ClassVar[str] = "resnet network"

    def __init__(
        self, in_shape: Shape, out_shape: Shape, filters: Sequence[int] = (64, 32), blocks: int = 1
    ) -> None:
        super().__init__(in_shape, out_shape)
        height, width = reduced("resnet", self.out_shape, (2,) * len(filters), parameter="filters")
        self.base_shape = (height, width, filters[0])
        self.first = keras.layers.Dense(prod(self.base_shape))
        self.first.build((None, prod(self.in_shape)))
        self.double = keras.layers.UpSampling2D(2)
        self.stages = []
        shape: Shape = self.base_shape
        for count in filters:
            refine = keras.layers.Conv2D(count, 3, padding="same")
            shape = (shape[0] * 2, shape[1] * 2, shape[2])
            refine.build((None, *shape))
            shape = (*shape[:2], count)
            self.stages.append([self.double, refine, *_blocks(blocks, shape, depth=blocks * len(filters))])
        self.last = keras.layers.Conv2D(self.out_shape[-1], 3, padding="same", dtype="float32")
        self.last.build((None, *shape))

    def compute(self, rows: Tensor) -> Tensor:
        """The images [N, H, W, C] of rows [N, *I]."""
        maps = tf.reshape(self.first(tf.reshape(rows, (-1, prod(self.in_shape)))), (-1, *self.base_shape))
        for stage in self.stages:
            for layer in stage:
                maps = layer(maps)
        return self.last(tf.nn.silu(maps))


class ResidualBlock(keras.layers.Layer):
    """x + conv(silu(conv(silu(x)))), after He et al., Identity mappings in deep residual networks (2016).

    There is no normalisation across the batch, so that no example depends on another. The second convolution
    starts small instead, scaled by the depth (Zhang, Dauphin, Ma, Fixup initialization, 2019), yet not at zero:
    at zero the first one would begin without a gradient.

    Args:
        filters: how many filters, as many as the input has channels.
        depth: how many blocks the network has.
    """

    def __init__(self, filters: int, depth: int) -> None:
        super().__init__()
        self.first = keras.layers.Conv2D(filters, 3, padding="same")
        small = keras.initializers.VarianceScaling(1.0 / depth)
        self.second = keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=small)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self.first.build(input_shape)
        self.second.build(input_shape)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """[N, H, W, C] -> [N, H, W, C]."""
        return x + self.second(tf.nn.silu(self.first(tf.nn.silu(x))))


def _blocks(count: int, shape: Shape, depth: int) -> list[ResidualBlock]:
    blocks = [ResidualBlock(shape[-1], depth) for _ in range(count)]
    for block in blocks:
        block.build((None, *shape))
    return blocks

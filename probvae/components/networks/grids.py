"""What convolutional networks share: images and signals, layers for both, and sizes that strides do not divide."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import keras
import tensorflow as tf

from probvae.core import Shape, Tensor
from probvae.errors import ConfigError

_LAYERS: dict[str, tuple[type[keras.layers.Layer], type[keras.layers.Layer]]] = {
    "conv": (keras.layers.Conv1D, keras.layers.Conv2D),
    "conv_transpose": (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose),
    "repeat": (keras.layers.UpSampling1D, keras.layers.UpSampling2D),
}


def size_of(network: str, shape: Shape, hint: str) -> Shape:
    """The size of an image, [height, width], or of a signal, [length].

    Args:
        network: what to call the network in an error.
        shape: [height, width, channels] or [length, channels].
        hint: what to use for another shape.

    Raises:
        ConfigError: the shape is neither.

    >>> size_of("conv", (28, 30, 1), "Use 'dense'."), size_of("conv", (100, 2), "Use 'dense'.")
    ((28, 30), (100,))
    """
    if len(shape) not in (2, 3):
        raise ConfigError(
            f"{network}: expected images [height, width, channels] or signals [length, channels]; got shape "
            f"{list(shape)}. {hint}"
        )
    return shape[:-1]


def sizes_after(size: Shape, strides: Sequence[int]) -> list[Shape]:
    """A size before and after each of several strides, rounded up as "same" padding does.

    >>> sizes_after((79, 28), (2, 2))
    [(79, 28), (40, 14), (20, 7)]
    """
    sizes = [size]
    for stride in strides:
        sizes.append(tuple(-(-length // stride) for length in sizes[-1]))
    return sizes


def layer(what: str, size: Shape, *arguments: object, **options: object) -> keras.layers.Layer:
    """A Keras layer for images or signals of some size: "conv", "conv_transpose" or "repeat"."""
    return _LAYERS[what][len(size) - 1](*arguments, **options)


def cropped(maps: Tensor, size: Shape) -> Tensor:
    """Maps [N, *size or more, C] without what exceeds the size at the end of each axis."""
    if tuple(maps.shape[1:-1]) == size:
        return maps
    return maps[(slice(None), *(slice(length) for length in size))]


def flat(rows: Tensor) -> Tensor:
    """Rows [N, ...] as vectors [N, F]."""
    return tf.reshape(rows, (-1, prod(rows.shape[1:])))


def per_layer(name: str, values: int | Sequence[int], layers: int) -> tuple[int, ...]:
    """One value for each of the layers; a single one is for all.

    Raises:
        ConfigError: there are more or fewer values than layers.

    >>> per_layer("strides", 2, layers=3)
    (2, 2, 2)
    """
    if not isinstance(values, Sequence):  # an int, numpy's too
        return (int(values),) * layers
    if len(values) != layers:
        raise ConfigError(
            f"{name}: expected one number, or one for each of the {layers} layers in filters; got {list(values)}.",
            parameter=name,
        )
    return tuple(values)

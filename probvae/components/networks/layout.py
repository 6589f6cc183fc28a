"""What convolutional networks share: one setting for all layers or one for each, and sizes that divide."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from probvae.core import Shape, channels_first
from probvae.errors import ConfigError


def per_layer(name: str, values: int | Sequence[int], layers: int) -> tuple[int, ...]:
    """One value for each of the layers: a single one stands for all.

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


def reduced(network: str, shape: Shape, strides: Sequence[int], parameter: str = "strides") -> Shape:
    """The height and width [H, W] of an image [H, W, C] divided by every stride.

    Args:
        network: what to call the network in an error.
        shape: [H, W, C].
        strides: one for each layer.
        parameter: which parameter to blame.

    Raises:
        ConfigError: the shape is no image, or a size does not divide.

    >>> reduced("conv", (28, 28, 1), (2, 2))
    (7, 7)
    """
    if len(shape) != 3:
        raise ConfigError(
            f"{network}: expected images [height, width, channels]; got shape {list(shape)}. "
            + ("Give the data a channel axis, or use 'dense'." if len(shape) == 2 else "Use 'dense'.")
        )
    factor = prod(strides)
    height, width, _ = shape
    if height % factor or width % factor:
        if channels_first(shape):
            raise ConfigError(
                f"{network}: expected images [height, width, channels]; got shape {list(shape)}, which looks like "
                "[channels, height, width]. Move the data's channels to the end: numpy.moveaxis(array, 1, -1)."
            )
        raise ConfigError(
            f"{network}: the strides {list(strides)} divide an image by {factor}, and {height} x {width} does not "
            f"divide by {factor}. Use fewer layers or smaller strides, or crop or pad the images.",
            parameter=parameter,
        )
    return height // factor, width // factor

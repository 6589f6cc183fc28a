"""Plain Keras layers and models as networks, and the connection of a network to what it is a part of."""

from __future__ import annotations

from math import prod

import keras
import numpy as np
import tensorflow as tf

from probvae.core import Network, Shape, Tensor
from probvae.errors import ConfigError, ShapeError, explained


class KerasNetwork(Network):
    """A Keras layer or model as a network.

    Outputs of shape [N, *O] are used as they are; vectors [N, F] of another length go through a linear float32
    layer to O. The layer runs in inference mode, as all networks are functions of their inputs alone.

    Args:
        layer: maps [N, *I] to [N, *O] or to [N, F]; it need not be built.
    """

    def __init__(self, layer: keras.layers.Layer) -> None:
        super().__init__()
        self.layer = layer
        self.last: keras.layers.Layer | None = None

    def make_layers(self, in_shape: Shape, out_shape: Shape) -> None:
        """The variables of the layer, and the linear layer where it is needed.

        Raises:
            ShapeError: the layer does not take [N, *I], or returns something else.
            ConfigError: the layer behaves otherwise in training mode.
        """
        name = f"the Keras layer {self.layer.name!r}"
        rows = tf.random.stateless_normal((4, *in_shape), (0, 0))
        try:
            found = self.layer(rows, training=False)
        except Exception as error:  # the layer is anyone's code
            raise ShapeError(
                f"{name}: expected it to take inputs [N, {', '.join(map(str, in_shape))}]; got {explained(error)}"
            ) from error
        shape = tuple(found.shape[1:]) if tf.is_tensor(found) else None
        if shape != out_shape and (shape is None or len(shape) != 1):
            got = "no tensor" if shape is None else f"[N, {', '.join(map(str, shape))}]"
            raise ShapeError(
                f"{name}: expected outputs [N, {', '.join(map(str, out_shape))}], which the head expects, or "
                f"feature vectors [N, F], which a linear layer maps to them; got {got}."
            )
        if not np.array_equal(found, self.layer(rows, training=True), equal_nan=True):
            raise ConfigError(
                f"{name}: expected a function of each row alone; got other outputs in training mode, as of "
                "BatchNormalization, which couples the rows of a batch, or of Dropout. Use LayerNormalization, or "
                "leave the layer out."
            )
        if shape != out_shape:
            self.last = keras.layers.Dense(prod(out_shape), dtype="float32")

    def map_rows(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of rows [N, *I]."""
        outputs = self.layer(rows, training=False)
        return outputs if self.last is None else tf.reshape(self.last(outputs), (-1, *self.out_shape))


def connected(
    network: Network | keras.layers.Layer, in_shape: Shape, out_shape: Shape, condition_dim: int = 0
) -> Network:
    """A network, connected to the shapes of what its parameter `network` is for.

    Raises:
        ConfigError: the network does not support them.
        ShapeError: a Keras layer does not.
    """
    if not isinstance(network, Network):
        network = KerasNetwork(network)
    try:
        return network.connect(in_shape, out_shape, condition_dim)
    except ConfigError as error:
        raise ConfigError(str(error), parameter="network") from error

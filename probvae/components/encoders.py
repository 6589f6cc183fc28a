"""The encoder made of a network and a posterior head."""

from __future__ import annotations

from typing import Annotated

import keras

from probvae.components.networks.keras_layer import connected
from probvae.components.taking import taken
from probvae.core import Distribution, Encoder, Network, Positive, PosteriorHead, Shape, Tensor, Use


class NetworkEncoder(Encoder):
    """q(z|x) by any network and any posterior head, batch [B] and event [D].

    For data with a condition c it is q(z|x, c): the condition joins x at the network's input, for images as more
    channels.

    Args:
        network: maps x [B, *E] to the parameters that the head expects; in Python also a Keras layer or model.
        posterior: the head, which makes q(z|x) of them.
        event_shape: E, the shape of one example.
        condition_dim: C, the size of a condition; None if the data has none.
        condition: whether it takes the condition; by default wherever the data has one.

    Raises:
        ConfigError: the network does not support these shapes, or there is no condition to take.
        ShapeError: a Keras layer does not, or its outputs are neither of the head's shape nor vectors.
    """

    def __init__(
        self,
        network: Network | keras.layers.Layer,
        posterior: Annotated[PosteriorHead, Use("diagonal_normal")],
        event_shape: Shape,
        condition_dim: Positive | None = None,
        condition: bool | None = None,
    ) -> None:
        super().__init__()
        self.condition_dim = taken("encoder", condition_dim, condition)
        self.network = connected(network, event_shape, posterior.output_shape, self.condition_dim)
        self.head = posterior
        self.support = posterior.support

    def posterior(self, x: Tensor, condition: Tensor = None) -> Distribution:
        """q(z|x) of x [B, *E], and a condition [B, C] if it takes one: [B], [D]."""
        return self.head.posterior(self.network.outputs(x, condition))

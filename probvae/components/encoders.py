"""The encoder made of a network and a posterior head."""

from __future__ import annotations

from typing import Annotated

import keras

from probvae.components.networks.keras_layer import connected
from probvae.core import Distribution, Encoder, Network, PosteriorHead, Shape, Tensor, Use


class NetworkEncoder(Encoder):
    """q(z|x) by any network and any posterior head, batch [B] and event [D].

    Args:
        network: maps x [B, *E] to the parameters that the head expects; in Python also a Keras layer or model.
        posterior: the head, which makes q(z|x) of them.
        event_shape: E, the shape of one example.

    Raises:
        ConfigError: the network does not support these shapes.
        ShapeError: a Keras layer does not, or its outputs are neither of the head's shape nor vectors.
    """

    def __init__(
        self,
        network: Network | keras.layers.Layer,
        posterior: Annotated[PosteriorHead, Use("diagonal_normal")],
        event_shape: Shape,
    ) -> None:
        super().__init__()
        self.network = connected(network, event_shape, posterior.output_shape)
        self.head = posterior
        self.support = posterior.support

    def posterior(self, x: Tensor) -> Distribution:
        """q(z|x) of x [B, *E]: [B], [D]."""
        return self.head.posterior(self.network.outputs(x))

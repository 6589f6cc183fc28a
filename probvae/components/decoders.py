"""The decoder made of a network and a likelihood head."""

from __future__ import annotations

import keras

from probvae.components.networks.keras_layer import connected
from probvae.core import Decoder, Distribution, LikelihoodHead, Network, Positive, Tensor


class NetworkDecoder(Decoder):
    """p(x|z) by any network and any likelihood head, batch [...] and event [*E].

    Args:
        network: maps z [..., D] to the parameters that the head expects; in Python also a Keras layer or model.
        likelihood: the head, which makes p(x|z) of them.
        latent_dim: D, the size of one latent.

    Raises:
        ConfigError: the network does not support these shapes.
        ShapeError: a Keras layer does not, or its outputs are neither of the head's shape nor vectors.
    """

    def __init__(
        self, network: Network | keras.layers.Layer, likelihood: LikelihoodHead, latent_dim: Positive
    ) -> None:
        super().__init__()
        self.network = connected(network, (latent_dim,), likelihood.output_shape)
        self.head = likelihood
        self.support = likelihood.support

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x|z) of z [..., D]: [...], [*E]."""
        return self.head.likelihood(self.network.outputs(z))

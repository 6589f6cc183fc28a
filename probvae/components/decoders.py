"""The decoder made of a network and a likelihood head."""

from __future__ import annotations

import keras

from probvae.components.networks.keras_layer import connected
from probvae.components.taking import taken
from probvae.core import Decoder, Distribution, LikelihoodHead, Network, Positive, Tensor


class NetworkDecoder(Decoder):
    """p(x|z) by any network and any likelihood head, batch [...] and event [*E].

    For data with a condition c it is p(x|z, c): the condition is appended to z at the network's input. A
    likelihood that takes the library size, one number of the condition, gets it too.

    Args:
        network: maps z [..., D] to the parameters that the head expects; in Python also a Keras layer or model.
        likelihood: the head, which makes p(x|z) of them.
        latent_dim: D, the size of one latent.
        condition_dim: C, the size of a condition; None if the data has none.
        condition: whether the network takes the condition; by default wherever the data has one.

    Raises:
        ConfigError: the network does not support these shapes, or there is no condition to take.
        ShapeError: a Keras layer does not, or its outputs are neither of the head's shape nor vectors.
    """

    def __init__(
        self,
        network: Network | keras.layers.Layer,
        likelihood: LikelihoodHead,
        latent_dim: Positive,
        condition_dim: Positive | None = None,
        condition: bool | None = None,
    ) -> None:
        super().__init__()
        self.condition_dim = taken("decoder", condition_dim, condition)
        self.network = connected(network, (latent_dim,), likelihood.output_shape, self.condition_dim)
        if likelihood.library_column is not None:
            self.condition_dim = taken("decoder", condition_dim, True)
        self.head = likelihood
        self.support = likelihood.support

    def likelihood(self, z: Tensor, condition: Tensor = None) -> Distribution:
        """p(x|z) of z [..., D], and a condition that broadcasts to [..., C] if it takes one: [...], [*E]."""
        outputs = self.network.outputs(z, condition)
        place = self.head.library_column
        log_size = () if place is None else (condition[..., place],)
        return self.head.likelihood(outputs, *log_size)

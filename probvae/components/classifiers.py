"""The classifier made of a network."""

from __future__ import annotations

import keras
import tensorflow_probability as tfp

from probvae.components.networks.keras_layer import connected
from probvae.core import Classifier, LabelDistribution, Network, Positive, Shape, Tensor

tfd = tfp.distributions


class NetworkClassifier(Classifier):
    """q(y|x) by any network, batch [B] and event [].

    q(y|x) = softmax(network(x))_y

    Args:
        network: maps x [B, *E] to the K logits; in Python also a Keras layer or model.
        event_shape: E, the shape of one example.
        classes: K, the number of classes.

    Raises:
        ConfigError: the network does not support these shapes.
        ShapeError: a Keras layer does not, or its outputs are no vectors of K numbers.
    """

    def __init__(self, network: Network | keras.layers.Layer, event_shape: Shape, classes: Positive) -> None:
        super().__init__()
        self.network = connected(network, event_shape, (classes,))

    def labels(self, x: Tensor) -> LabelDistribution:
        """q(y|x) of x [B, *E]: [B], []."""
        return tfd.Categorical(logits=self.network.outputs(x))

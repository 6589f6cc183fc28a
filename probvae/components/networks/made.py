"""An autoregressive network by masking."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from probvae.core import Array, Component, Tensor


class MADE(Component):
    """Outputs for each input that depend only on the inputs before it.

    output_i = f_i(input_1, ..., input_{i-1}), by zeroing weights of dense layers (Germain et al., MADE: masked
    autoencoder for distribution estimation, 2015). Output i depends on all inputs before it if each hidden layer
    has D - 1 units or more. With fewer, it depends on those up to a number below i, and every input has an
    influence on the last output. `tfb.AutoregressiveNetwork` does the same as a tf_keras
    layer, whose variables Keras 3 cannot see.

    Args:
        size: D, how many inputs.
        outputs: P, how many outputs for each input.
        hidden: the sizes of the hidden layers.
    """

    def __init__(self, size: int, outputs: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.size = size
        self.outputs_per_input = outputs
        degrees = np.arange(1, size + 1)
        self.hidden = []
        for units in hidden if size > 1 else ():  # the first input has none before it: a bias is all
            next_degrees = _degrees(units, size - 1)
            self.hidden.append(_masked(next_degrees[None, :] >= degrees[:, None], "silu", "he_normal"))
            degrees = next_degrees
        last = np.repeat(np.arange(1, size + 1), outputs)
        # Small, so that a flow starts near the identity, yet with a gradient to every layer.
        small = keras.initializers.VarianceScaling(1e-4)
        self.last = _masked(last[None, :] > degrees[:, None], None, small)

    def parameters(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D, P]."""
        features = x
        for layer in [*self.hidden, self.last]:
            features = layer(features)
        features = tf.cast(features, tf.float32)  # whatever precision the layers compute in
        return tf.reshape(features, tf.concat([tf.shape(x), [self.outputs_per_input]], axis=0))


class MaskedDense(keras.layers.Layer):
    """activation((mask * W) x + b).

    Args:
        mask: [I, O], 1 where an output may see an input.
        activation: as in Keras.
        initializer: of W.
    """

    def __init__(
        self, mask: Array, activation: str | None, initializer: str | keras.initializers.Initializer
    ) -> None:
        super().__init__()
        self.mask = tf.constant(mask, tf.float32)
        self.any_weight = bool(np.any(mask))
        self.activation = keras.activations.get(activation)
        self.initializer = initializer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        if self.any_weight:
            self.kernel = self.add_weight(shape=self.mask.shape, initializer=self.initializer, name="kernel")
        self.bias = self.add_weight(shape=self.mask.shape[1:], initializer="zeros", name="bias")
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """[..., I] -> [..., O]."""
        mask = tf.cast(self.mask, self.compute_dtype)
        kernel = self.kernel * mask if self.any_weight else mask
        return self.activation(tf.tensordot(x, kernel, axes=1) + self.bias)


def _degrees(units: int, highest: int) -> Array:
    """Degrees for hidden units, spread evenly over 1 to `highest`: a unit of degree d sees the inputs 1 to d.

    >>> _degrees(7, 3), _degrees(4, 10), _degrees(1, 10)
    (array([1, 2, 3, 1, 2, 3, 1]), array([10,  7,  4,  1]), array([10]))
    """
    if units >= highest:
        return 1 + np.arange(units) % highest
    return np.linspace(highest, 1, units).round().astype(int)  # the highest first: no input is cut off


def _masked(mask: Array, activation: str | None, initializer: str | keras.initializers.Initializer) -> MaskedDense:
    layer = MaskedDense(mask, activation, initializer)
    layer.build((None, mask.shape[0]))
    return layer

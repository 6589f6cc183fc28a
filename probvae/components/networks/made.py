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
            layer = MaskedDense(len(degrees), units, "silu", "he_normal")
            next_degrees = _degrees(units, size - 1)
            layer.set_mask(next_degrees[None, :] >= degrees[:, None])
            self.hidden.append(layer)
            degrees = next_degrees
        # Small, so that a flow starts near the identity, yet with a gradient to every layer.
        small = keras.initializers.VarianceScaling(1e-4)
        self.last = MaskedDense(len(degrees), size * outputs, None, small, any_weight=size > 1)
        self.last.set_mask(np.repeat(np.arange(1, size + 1), outputs)[None, :] > degrees[:, None])

    def parameters(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D, P]."""
        features = x
        for layer in [*self.hidden, self.last]:
            features = layer(features)
        features = tf.cast(features, tf.float32)  # whatever precision the layers compute in
        return tf.reshape(features, tf.concat([tf.shape(x), [self.outputs_per_input]], axis=0))


class MaskedDense(keras.layers.Layer):
    """activation((mask * W) x + b).

    The weights are made before the mask, which is as large: whoever counts variables can still refuse them.

    Args:
        inputs: I.
        units: O.
        activation: as in Keras.
        initializer: of W.
        any_weight: whether the mask lets any weight through; there are none otherwise.
    """

    def __init__(
        self,
        inputs: int,
        units: int,
        activation: str | None,
        initializer: str | keras.initializers.Initializer,
        any_weight: bool = True,
    ) -> None:
        super().__init__()
        self.activation = keras.activations.get(activation)
        self.any_weight = any_weight
        if any_weight:
            self.kernel = self.add_weight(shape=(inputs, units), initializer=initializer, name="kernel")
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.built = True

    def set_mask(self, mask: Array) -> None:
        """Let weights through where `mask` [I, O] is true: where an output may depend on an input."""
        self.mask = tf.constant(mask, tf.float32)

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

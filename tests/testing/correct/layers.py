"""What encoders, decoders and networks have in common here: layers that Keras builds on first use."""

import keras
import tensorflow as tf


class Lazy(keras.layers.Layer):
    """Two dense layers on the last axis, flattened before and shaped after; they are built when first called."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="elu")
        self.last = keras.layers.Dense(outputs)

    def call(self, x):
        """Outputs [..., outputs] of x [..., inputs]."""
        return self.last(self.hidden(x))


def flat(x: tf.Tensor) -> tf.Tensor:
    """x [B, *E] as [B, size of E]."""
    return tf.reshape(x, (-1, x.shape[1:].num_elements()))

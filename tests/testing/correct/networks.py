"""Networks: built on first use, with pixels left out, with a row normalised, and with dropout."""

from math import prod

import keras
import tensorflow as tf

from probvae.core import Network
from probvae.errors import ConfigError

from .layers import Lazy, flat


class BuiltOnFirstUse(Network):
    def make_layers(self, in_shape, out_shape):
        self.body = Lazy(prod(out_shape))

    def map_rows(self, rows):
        return tf.reshape(self.body(flat(rows)), (-1, *self.out_shape))


class NormalisedByRow(BuiltOnFirstUse):
    """By layer normalisation, which couples the elements of a row and no rows."""

    def make_layers(self, in_shape, out_shape):
        super().make_layers(in_shape, out_shape)
        self.first = keras.layers.Dense(8, "elu")
        self.normalise = keras.layers.LayerNormalization()

    def map_rows(self, rows):
        return super().map_rows(self.normalise(self.first(flat(rows))))


class DropoutSwitchedOff(BuiltOnFirstUse):
    """A layer with a random state that is not used."""

    def make_layers(self, in_shape, out_shape):
        super().make_layers(in_shape, out_shape)
        self.dropout = keras.layers.Dropout(0.5)

    def map_rows(self, rows):
        return super().map_rows(self.dropout(rows, training=False))


class EverySecondPixel(BuiltOnFirstUse):
    """A convolution whose stride is larger than its kernel."""

    def make_layers(self, in_shape, out_shape):
        if len(in_shape) != 3:
            raise ConfigError(f"expected images; got inputs {list(in_shape)}.")
        super().make_layers(in_shape, out_shape)
        self.convolution = keras.layers.Conv2D(4, kernel_size=1, strides=2, padding="same", activation="relu")

    def map_rows(self, rows):
        return super().map_rows(self.convolution(rows))

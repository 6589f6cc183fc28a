"""Wrong networks."""

from math import prod
from typing import Annotated, Literal

import keras
import numpy as np
import tensorflow as tf
from annotated_types import Ge, Le

from probvae.core import Network, Positive


class _Network(Network):
    """A small dense network, before anything is wrong with it."""

    def __init__(self, hidden: Positive = 8) -> None:
        super().__init__()
        self.units = hidden

    def make_layers(self, in_shape, out_shape):
        self.hidden = keras.layers.Dense(self.units, "elu")
        self.last = keras.layers.Dense(prod(out_shape), dtype="float32")

    def map_rows(self, rows):
        flat = tf.reshape(rows, (-1, prod(self.in_shape)))
        return tf.reshape(self.last(self.hidden(flat)), (-1, *self.out_shape))


class LastElementDropped(_Network):
    """A slice that ends too early leaves the last channel or element out, where there is more than one."""

    def map_rows(self, rows):
        kept = max(1, rows.shape[-1] - 1)
        return super().map_rows(tf.concat([rows[..., :kept], tf.zeros_like(rows[..., kept:])], axis=-1))


class RowsCentred(_Network):
    """The mean of the batch is subtracted from each row."""

    def map_rows(self, rows):
        return super().map_rows(rows - 0.5 * tf.reduce_mean(rows, axis=0))


class BatchNormalised(_Network):
    """Batch normalisation in training mode makes outputs depend on the other rows of the batch."""

    def make_layers(self, in_shape, out_shape):
        super().make_layers(in_shape, out_shape)
        self.normalise = keras.layers.BatchNormalization()

    def map_rows(self, rows):
        return self.normalise(super().map_rows(rows), training=True)


class FirstOutputRepeated(_Network):
    """The first element of the outputs, or their first channel, is repeated for all others."""

    def map_rows(self, rows):
        first = tf.zeros([self.out_shape[-1]], tf.int32)
        return tf.gather(super().map_rows(rows), first, axis=-1)


class ProjectionNotSaved(_Network):
    """A random projection of the inputs is an array, drawn when the layers are made, and is not saved."""

    def make_layers(self, in_shape, out_shape):
        super().make_layers(in_shape, out_shape)
        self.signs = np.random.choice([-1.0, 1.0], size=in_shape).astype(np.float32)

    def map_rows(self, rows):
        return super().map_rows(rows * self.signs)


class LeadingAxesFlattened(_Network):
    """Inputs [S, B, *I] give outputs [S B, *O]: the leading axes are flattened and never restored."""

    def outputs(self, inputs):
        return super().outputs(tf.reshape(inputs, (-1, *self.in_shape)))


class LeadingAxesTransposed(_Network):
    """Two leading axes are transposed in the inputs and only reshaped in the outputs."""

    def outputs(self, inputs):
        found = super().outputs(inputs)
        if found.shape.rank != len(self.out_shape) + 2:
            return found
        order = [1, 0, *range(2, found.shape.rank)]
        return tf.ensure_shape(tf.reshape(tf.transpose(found, order), tf.shape(found)), found.shape)


class LayerMadeInTheCall(_Network):
    """A layer is made anew in each call: its variables are trained by nobody and saved by nobody."""

    def map_rows(self, rows):
        return super().map_rows(rows + keras.layers.Dense(rows.shape[-1])(rows))


class AlwaysDropout(_Network):
    """Dropout is always on, so that one input has other outputs in each call."""

    def __init__(self, rate: Annotated[float, Ge(0.1), Le(0.9)] = 0.5) -> None:
        super().__init__()
        self.dropout = keras.layers.Dropout(rate)

    def map_rows(self, rows):
        return super().map_rows(self.dropout(rows, training=True))


class BatchSizeRead(_Network):
    """The number of rows is read as a Python number, which an unknown one is not."""

    def map_rows(self, rows):
        return super().map_rows(tf.reshape(rows, (int(rows.shape[0]), *self.in_shape)))


class LayerWithoutEffect(_Network):
    """A second hidden layer is made, run, and its result forgotten."""

    def make_layers(self, in_shape, out_shape):
        super().make_layers(in_shape, out_shape)
        self.second = keras.layers.Dense(4, "elu")

    def map_rows(self, rows):
        self.second(tf.reshape(rows, (-1, prod(self.in_shape))))
        return super().map_rows(rows)


class OneOfTwoPathsStopped(_Network):
    """Inputs reach the outputs in two ways, one of them stopped: the value is right, the gradient is not."""

    def make_layers(self, in_shape, out_shape):
        super().make_layers(in_shape, out_shape)
        self.skip = keras.layers.Dense(prod(out_shape))

    def map_rows(self, rows):
        skip = self.skip(tf.reshape(rows, (-1, prod(self.in_shape))))
        return super().map_rows(tf.stop_gradient(rows)) + tf.reshape(skip, (-1, *self.out_shape))


class ExponentialWithoutBound(_Network):
    """The exponential of the inputs is infinite for bright images."""

    def map_rows(self, rows):
        return super().map_rows(tf.exp(rows))


class OptionsSwallowed(_Network):
    """Unknown keywords are accepted, so that a misspelt one is not noticed."""

    def __init__(self, hidden: Positive = 8, **options) -> None:
        super().__init__(hidden)


class ConstantSeed(_Network):
    """All kernels start from one constant seed, whatever that of the run."""

    def make_layers(self, in_shape, out_shape):
        start = keras.initializers.GlorotUniform(seed=0)
        self.hidden = keras.layers.Dense(self.units, "elu", kernel_initializer=start)
        self.last = keras.layers.Dense(prod(out_shape), kernel_initializer=start, dtype="float32")


class LayerInAFunction(_Network):
    """A function holds the last layer: a copy of the network goes on using the original's."""

    def make_layers(self, in_shape, out_shape):
        super().make_layers(in_shape, out_shape)
        last = self.last
        self.function = lambda features: last(1.0 * features)

    def map_rows(self, rows):
        flat = tf.reshape(rows, (-1, prod(self.in_shape)))
        return tf.reshape(self.function(self.hidden(flat)), (-1, *self.out_shape))


class ActivationIgnored(_Network):
    """Its activation is taken, and is always elu."""

    def __init__(self, hidden: Positive = 8, activation: Literal["elu", "tanh"] = "elu") -> None:
        super().__init__(hidden)
        self.activation = activation

"""The features in which samples are compared: those of a small classifier of the data itself."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from probvae.components.metrics.chunks import chunks, generator
from probvae.components.metrics.labelled import as_numbers, labelled_rows
from probvae.core import Array, Measurement, Seed, Shape, Split, Stream, Tensor, fold_in

SIZE = 64
"""The number of features."""

_BATCH = 128
_LEAST_SIDE = 8  # of an image that two convolutions with strides can halve
_SCALED_BY = 1000  # examples


class Features:
    """The last hidden layer of a classifier that is trained on labelled examples: x [B, *E] -> [B, 64].

    For images [H, W] or [H, W, C] it is convolutional, 32 and 64 filters with strides of 2, and for other data
    dense, 256 units. Adam minimises the cross-entropy with a learning rate of 0.001.

    Args:
        split: the examples.
        steps: how many steps of 128 examples each.
        seed: initial weights, order and binarisation are functions of it.
    """

    def __init__(self, split: Split, steps: int, seed: Seed) -> None:
        assert split.labels is not None
        rng = generator(fold_in(seed, Stream.ORDER))
        self._rows, self._noise = labelled_rows(split), fold_in(seed, Stream.USE, Stream.ORDER)
        self._classes = np.unique(split.labels[self._rows])
        event_shape = tuple(split.stored.shape[1:])
        self.hidden = keras.Sequential([keras.Input(event_shape), _scaling(split), *_layers(event_shape, rng)])
        self.last = keras.layers.Dense(len(self._classes), kernel_initializer=_initial(rng))
        self.last.build((None, SIZE))
        self._train(split, steps, rng)

    def __call__(self, x: Tensor) -> Array:
        """The features of x [B, *E]: float32 [B, 64]."""
        return np.asarray(self.hidden(x))

    def accuracy(self, split: Split, seed: Seed) -> Measurement:
        """The accuracy of the classifier on the examples that have a label."""
        assert split.labels is not None
        rows = labelled_rows(split)
        logits = [np.asarray(self.last(self.hidden(batch.x))) for batch, _ in chunks(split, seed, rows)]
        found = self._classes[np.concatenate(logits).argmax(axis=-1)]
        return Measurement.share(found == split.labels[rows], "share of the examples with a label")

    def _train(self, split: Split, steps: int, rng: np.random.Generator) -> None:
        assert split.labels is not None
        optimizer = keras.optimizers.Adam(1e-3)
        variables = [*self.hidden.trainable_variables, *self.last.trainable_variables]
        optimizer.build(variables)

        @tf.function
        def step(x: Tensor, labels: Tensor) -> None:
            with tf.GradientTape() as tape:
                logits = self.last(self.hidden(x))
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

        for number in range(steps):
            rows = np.sort(rng.choice(self._rows, _BATCH))
            batch = split.batch(rows, fold_in(self._noise, number))
            step(batch.x, tf.constant(as_numbers(self._classes, split.labels[rows])))


def _scaling(split: Split) -> keras.layers.Layer:
    """A layer that gives all values together the mean 0 and the standard deviation 1."""
    x = split.intensities(_SCALED_BY)
    spread = float(x.std()) or 1.0
    return keras.layers.Rescaling(1.0 / spread, -float(x.mean()) / spread)


def _layers(event_shape: Shape, rng: np.random.Generator) -> list[keras.layers.Layer]:
    """The hidden layers."""
    if len(event_shape) in (2, 3) and min(event_shape[:2]) >= _LEAST_SIDE:
        layers = [
            keras.layers.Reshape((*event_shape[:2], -1)),
            *(
                keras.layers.Conv2D(filters, 3, 2, "same", activation="relu", kernel_initializer=_initial(rng))
                for filters in (32, 64)
            ),
            keras.layers.Flatten(),
        ]
    else:
        layers = [keras.layers.Flatten(), keras.layers.Dense(256, "relu", kernel_initializer=_initial(rng))]
    return [*layers, keras.layers.Dense(SIZE, "relu", kernel_initializer=_initial(rng))]


def _initial(rng: np.random.Generator) -> keras.initializers.Initializer:
    """He initialisation with a seed of its own."""
    return keras.initializers.HeNormal(int(rng.integers(2**31)))

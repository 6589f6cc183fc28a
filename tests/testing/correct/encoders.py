"""Encoders: with layers that are built on first use, with data that is measured, and with pixels left out."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components import Dense
from probvae.components.scales import softplus_scale
from probvae.core import Encoder, Positive, Shape
from probvae.errors import ConfigError

from .layers import Lazy, flat

tfd = tfp.distributions


class BuiltOnFirstUse(Encoder):
    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.network = Lazy(2 * latent_dim)

    def posterior(self, x):
        loc, raw = tf.split(self.network(flat(x)), 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class Standardised(BuiltOnFirstUse):
    """By the mean and the scale of the training data, kept as weights."""

    def __init__(self, event_shape: Shape, latent_dim: Positive, examples: Any) -> None:
        super().__init__(latent_dim)
        self.mean = self.add_weight(shape=tuple(event_shape), initializer="zeros", trainable=False, name="mean")
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")
        self.mean.assign(np.mean(examples, axis=0))
        self.scale.assign(np.std(examples))

    def posterior(self, x):
        return super().posterior((x - self.mean.value) / self.scale.value)


class Binarised(BuiltOnFirstUse):
    """It reads whether a value is positive: no gradient reaches x."""

    def posterior(self, x):
        return super().posterior(tf.cast(x > 0.3, tf.float32))


class EverySecondPixel(Encoder):
    """A convolution whose stride is larger than its kernel."""

    def __init__(self, event_shape: Shape, latent_dim: Positive) -> None:
        super().__init__()
        if len(event_shape) != 3:
            raise ConfigError(f"expected images; got examples {list(event_shape)}.", parameter="event_shape")
        self.convolution = keras.layers.Conv2D(4, kernel_size=1, strides=2, padding="same", activation="relu")
        self.network = Lazy(2 * latent_dim)

    def posterior(self, x):
        loc, raw = tf.split(self.network(flat(self.convolution(x))), 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class ShiftedByTheCondition(Encoder):
    """An affine function of the example, moved by one of the condition."""

    def __init__(self, latent_dim: int, event_shape: Shape, condition_dim: int) -> None:
        super().__init__()
        self.of_examples = Dense(()).connect(tuple(event_shape), (latent_dim,))
        self.of_condition = Dense(()).connect((condition_dim,), (latent_dim,))

    def posterior(self, x, condition):
        loc = self.of_examples.outputs(x) + self.of_condition.outputs(condition)
        return tfd.MultivariateNormalDiag(loc, tf.ones_like(loc))

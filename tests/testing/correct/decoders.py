"""Decoders: with layers that are built on first use, pixels that are equal, and no mean."""

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components import Dense
from probvae.core import BINARY, REAL, Decoder, Shape, Values
from probvae.errors import ConfigError

from .layers import Lazy

tfd = tfp.distributions


class BuiltOnFirstUse(Decoder):
    support: Values = BINARY

    def __init__(self, event_shape: Shape) -> None:
        super().__init__()
        self.shape = tuple(event_shape)
        self.network = Lazy(int(tf.reduce_prod(event_shape)))

    def likelihood(self, z):
        outputs = self.network(tf.reshape(z, (-1, z.shape[-1])))  # Keras wants a batch, and z may have none
        shape = tf.concat([tf.shape(z)[:-1], self.shape], axis=0)
        logits = tf.ensure_shape(tf.reshape(outputs, shape), [*z.shape[:-1], *self.shape])
        return tfd.Independent(tfd.Bernoulli(logits=logits, dtype=tf.float32), len(self.shape))


class Enlarged(Decoder):
    """A quarter of the pixels, each repeated: pixels are copies, channels are not."""

    support: Values = REAL

    def __init__(self, event_shape: Shape) -> None:
        super().__init__()
        if len(event_shape) != 3:
            raise ConfigError(f"expected images; got examples {list(event_shape)}.", parameter="event_shape")
        self.small = (event_shape[0] // 2, event_shape[1] // 2, event_shape[2])
        self.network = Lazy(int(tf.reduce_prod(self.small)))

    def likelihood(self, z):
        shape = tf.concat([tf.shape(z)[:-1], self.small], axis=0)
        outputs = self.network(tf.reshape(z, (-1, z.shape[-1])))
        loc = tf.ensure_shape(tf.reshape(outputs, shape), [*z.shape[:-1], *self.small])
        loc = tf.repeat(tf.repeat(loc, 2, axis=-3), 2, axis=-2)
        return tfd.Independent(tfd.Normal(loc, 1.0), 3)


class ShiftedByTheCondition(Decoder):
    """An affine function of the latents, moved by one of the condition."""

    support: Values = REAL

    def __init__(self, latent_dim: int, event_shape: Shape, condition_dim: int) -> None:
        super().__init__()
        self.of_latents = Dense(()).connect((latent_dim,), tuple(event_shape))
        self.of_condition = Dense(()).connect((condition_dim,), tuple(event_shape))

    def likelihood(self, z, condition):
        loc = self.of_latents.outputs(z) + self.of_condition.outputs(condition)  # broadcasts over leading axes
        return tfd.Independent(tfd.Normal(loc, 1.0), len(self.of_latents.out_shape))

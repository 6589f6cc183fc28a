"""Wrong decoders."""

from math import prod
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.networks.dense import Dense
from probvae.core import BINARY, Decoder, Positive, Shape, Values

tfd = tfp.distributions


class _Decoder(Decoder):
    """A dense decoder with a Bernoulli likelihood, before anything is wrong with it."""

    support: Values = BINARY

    def __init__(self, latent_dim: Positive, event_shape: Shape, hidden: Positive = 8) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.shape = tuple(event_shape)
        self.network = Dense((hidden,), "elu").connect((latent_dim,), event_shape)

    def bernoulli(self, logits):
        elements = tfd.Bernoulli(logits=logits, dtype=tf.float32)
        return tfd.Independent(elements, reinterpreted_batch_ndims=len(self.shape))


class LatentsIgnored(Decoder):
    """The likelihood is a learned constant, whatever the latents."""

    support: Values = BINARY

    def __init__(self, latent_dim: Positive, event_shape: Shape) -> None:
        super().__init__()
        self.rank = len(event_shape)
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.logits = self.add_weight(shape=tuple(event_shape), initializer=start, name="logits")

    def likelihood(self, z):
        ones = tf.reshape(tf.ones_like(z[..., 0]), tf.concat([tf.shape(z)[:-1], [1] * self.rank], axis=0))
        ones = tf.ensure_shape(ones, [*z.shape[:-1], *[1] * self.rank])
        elements = tfd.Bernoulli(logits=ones * self.logits.value, dtype=tf.float32)
        return tfd.Independent(elements, reinterpreted_batch_ndims=self.rank)


class FirstLatentOnly(_Decoder):
    """Only the first latent is read."""

    def __init__(self, latent_dim: Positive, event_shape: Shape) -> None:
        super().__init__(1, event_shape)

    def likelihood(self, z):
        return self.bernoulli(self.network.outputs(z[..., :1]))


class RankTwoOnly(Decoder):
    """It takes latents [B, D], and fails for several samples of each, [S, B, D]."""

    support: Values = BINARY

    def __init__(self, latent_dim: Positive, event_shape: Shape) -> None:
        super().__init__()
        self.shape = tuple(event_shape)
        self.kernel = self.add_weight(shape=(latent_dim, prod(event_shape)), name="kernel")

    def likelihood(self, z):
        logits = tf.reshape(tf.einsum("bd,de->be", z, self.kernel.value), (-1, *self.shape))
        elements = tfd.Bernoulli(logits=tf.ensure_shape(logits, (z.shape[0], *self.shape)), dtype=tf.float32)
        return tfd.Independent(elements, reinterpreted_batch_ndims=len(self.shape))


class SamplesAndBatchMixed(_Decoder):
    """Samples and batch are transposed on the way in and only reshaped on the way out."""

    def likelihood(self, z):
        logits = self.network.outputs(z)
        if z.shape.rank == 3:
            order = [1, 0, *range(2, 2 + len(self.shape))]
            logits = tf.reshape(tf.transpose(logits, order), tf.shape(logits))
            logits = tf.ensure_shape(logits, (*z.shape[:2], *self.shape))
        return self.bernoulli(logits)


class LeadingShapeFlattened(_Decoder):
    """Latents [S, B, D] give a batch of S B, flattened and never restored."""

    def likelihood(self, z):
        return self.bernoulli(self.network.outputs(tf.reshape(z, (-1, self.latent_dim))))


class BatchNormalised(_Decoder):
    """Batch normalisation in training mode makes a likelihood depend on the other latents of its batch."""

    def __init__(self, latent_dim: Positive, event_shape: Shape, hidden: Positive = 8) -> None:
        super().__init__(latent_dim, event_shape, hidden)
        self.normalise = keras.layers.BatchNormalization(gamma_initializer=keras.initializers.Constant(2.0))
        self.normalise.build((None, prod(event_shape)))

    def likelihood(self, z):
        logits = self.network.outputs(z)
        rows = self.normalise(tf.reshape(logits, (-1, prod(self.shape))), training=True)
        return self.bernoulli(tf.ensure_shape(tf.reshape(rows, tf.shape(logits)), logits.shape))


class SupportForgotten(_Decoder):
    """It declares all numbers, because the support of its Bernoulli likelihood is not handed on."""

    support: Values = Values()

    def likelihood(self, z):
        return self.bernoulli(self.network.outputs(z))


class PixelsAreABatch(_Decoder):
    """Only the last axis of the data is an event: an image's rows and columns are a batch."""

    def likelihood(self, z):
        elements = tfd.Bernoulli(logits=self.network.outputs(z)[..., None], dtype=tf.float32)
        return tfd.Independent(elements, reinterpreted_batch_ndims=1)


class OneOfTwoPathsStopped(_Decoder):
    """Latents reach the logits in two ways, one of them stopped: the value is right, and the gradient is not."""

    def __init__(self, latent_dim: Positive, event_shape: Shape, hidden: Positive = 8) -> None:
        super().__init__(latent_dim, event_shape, hidden)
        self.skip = Dense((), "elu").connect((latent_dim,), event_shape)

    def likelihood(self, z):
        return self.bernoulli(self.network.outputs(tf.stop_gradient(z)) + self.skip.outputs(z))


class FirstChannelRepeated(_Decoder):
    """The first channel of an image, or the first element of a vector, is repeated for all others."""

    def likelihood(self, z):
        first = tf.zeros([self.shape[-1]], tf.int32)
        return self.bernoulli(tf.gather(self.network.outputs(z), first, axis=-1))


class LastChannelIsTheFirst(_Decoder):
    """The last channel, or the last element, is the first once more."""

    def likelihood(self, z):
        order = [*range(self.shape[-1] - 1), 0]
        return self.bernoulli(tf.gather(self.network.outputs(z), order, axis=-1))


class MeanOfTheExamplesNotSaved(_Decoder):
    """The logits of the mean training example are added to the network's, as an array that is not saved."""

    def __init__(self, latent_dim: Positive, event_shape: Shape, examples: Any) -> None:
        super().__init__(latent_dim, event_shape)
        mean = np.clip(np.mean(examples, axis=0, dtype=np.float32), 0.01, 0.99)
        self.bias = np.log(mean) - np.log(1 - mean)

    def likelihood(self, z):
        return self.bernoulli(self.network.outputs(z) + self.bias)


# Conditions


class _Conditional(_Decoder):
    """The same with a condition that joins the latents, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive, event_shape: Shape, condition_dim: Positive) -> None:
        super().__init__(latent_dim, event_shape)
        self.network = Dense((8,), "elu").connect((latent_dim,), event_shape, condition_dim)


class ConditionAlongTheWrongAxis(_Conditional):
    """A condition [B, C] is repeated row by row for z [S, B, D], where all of it should be repeated S times."""

    def likelihood(self, z, condition):
        rows, conditions = (tf.reshape(part, (-1, part.shape[-1])) for part in (z, condition))
        conditions = tf.repeat(conditions, tf.shape(rows)[0] // tf.shape(conditions)[0], axis=0)
        logits = self.network.outputs(rows, conditions)  # [S * B, *E]
        logits = tf.reshape(logits, tf.concat([tf.shape(z)[:-1], self.shape], axis=0))
        return self.bernoulli(tf.ensure_shape(logits, [*z.shape[:-1], *self.shape]))


class ConditionOfNoSamples(_Conditional):
    """For z with more leading axes than the condition has, all rows get the condition of the first."""

    def likelihood(self, z, condition):
        if len(z.shape) > len(condition.shape):
            condition = condition[:1]
        return self.bernoulli(self.network.outputs(z, condition))


class ConditionTakenAndDropped(_Decoder):
    """It takes the condition and decodes the latents alone, so that q may depend on it and p does not."""

    def __init__(self, latent_dim: Positive, event_shape: Shape, condition_dim: Positive) -> None:
        super().__init__(latent_dim, event_shape)

    def likelihood(self, z, condition):
        return self.bernoulli(self.network.outputs(z))

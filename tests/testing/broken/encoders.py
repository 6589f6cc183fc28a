"""Wrong encoders."""

from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.components.networks.dense import Dense
from probvae.components.scales import softplus_scale
from probvae.core import Encoder, Positive, Shape
from probvae.errors import ConfigError

from .distributions import Patched, noise_shared_by_rows

tfd = tfp.distributions


class _Encoder(Encoder):
    """A dense encoder with a diagonal normal posterior, before anything is wrong with it."""

    def __init__(self, event_shape: Shape, latent_dim: Positive, hidden: Positive = 8) -> None:
        super().__init__()
        self.event_rank = len(event_shape)
        self.latent_dim = latent_dim
        self.network = Dense((hidden,), "elu").connect(event_shape, (2 * latent_dim,))

    def features(self, x):
        """loc [B, D] and raw scale [B, D] of x [B, *E]."""
        return tf.split(self.network.outputs(x), 2, axis=-1)

    def honest(self, x):
        loc, raw = self.features(x)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class BatchNormalised(_Encoder):
    """Batch normalisation in training mode makes a posterior depend on the other examples of its batch."""

    def __init__(self, event_shape: Shape, latent_dim: Positive, hidden: Positive = 8) -> None:
        super().__init__(event_shape, latent_dim, hidden)
        self.normalise = keras.layers.BatchNormalization()
        self.normalise.build((None, 2 * latent_dim))

    def posterior(self, x):
        outputs = self.normalise(self.network.outputs(x), training=True)
        loc, raw = tf.split(outputs, 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class ScaledByTheBatch(_Encoder):
    """Examples are scaled by the largest value in their batch."""

    def posterior(self, x):
        return self.honest(x / (tf.reduce_max(tf.abs(x)) + 1e-6))


class RowsMixed(_Encoder):
    """A reshape that should be a transpose mixes the elements of different examples."""

    def posterior(self, x):
        rows = tf.reshape(x, tf.concat([tf.shape(x)[1:], tf.shape(x)[:1]], axis=0))  # [*E, B], but not x's
        order = [self.event_rank, *range(self.event_rank)]
        return self.honest(tf.ensure_shape(tf.transpose(rows, order), x.shape))


class OneBatchSize(_Encoder):
    """It flattens examples with a batch size fixed in advance, and fails for every other."""

    def __init__(self, event_shape: Shape, latent_dim: Positive, batch_size: Positive = 2) -> None:
        super().__init__(event_shape, latent_dim)
        self.batch_size = batch_size
        self.flat = Dense((8,), "elu").connect((int(tf.reduce_prod(event_shape)),), (2 * latent_dim,))

    def posterior(self, x):
        loc, raw = tf.split(self.flat.outputs(tf.reshape(x, (self.batch_size, -1))), 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class BatchFlattened(_Encoder):
    """The batch is averaged away: all examples of a batch get one posterior."""

    def posterior(self, x):
        loc, raw = self.features(x)
        shared = tf.ones_like(loc) * tf.reduce_mean(loc, axis=0)
        return tfd.MultivariateNormalDiag(shared, softplus_scale(raw))


class InputIgnored(Encoder):
    """The posterior is a learned constant, whatever the example."""

    def __init__(self, event_shape: Shape, latent_dim: Positive) -> None:
        super().__init__()
        self.event_rank = len(event_shape)
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.loc = self.add_weight(shape=(latent_dim,), initializer=start, name="loc")
        self.raw_scale = self.add_weight(shape=(latent_dim,), initializer="zeros", name="raw_scale")

    def posterior(self, x):
        leading = tf.shape(x)[: x.shape.rank - self.event_rank]
        ones = tf.ones(tf.concat([leading, [1]], axis=0))
        ones = tf.ensure_shape(ones, [*x.shape[: x.shape.rank - self.event_rank], 1])
        return tfd.MultivariateNormalDiag(ones * self.loc.value, ones * softplus_scale(self.raw_scale.value))


class ScaleMayBeZero(_Encoder):
    """The softplus of the scale has no floor: it is zero for an extreme example."""

    def posterior(self, x):
        loc, raw = self.features(x)
        return tfd.Independent(tfd.Normal(loc, tf.nn.softplus(raw)), reinterpreted_batch_ndims=1)


class ScaleMayBeNegative(_Encoder):
    """The scale is a linear output, negative for some examples."""

    def posterior(self, x):
        loc, raw = self.features(x)
        return tfd.Independent(tfd.Normal(loc, 1.0 + raw), reinterpreted_batch_ndims=1)


class ScaleMayBeInfinite(_Encoder):
    """The scale is an exponential without a bound, infinite for an extreme example."""

    def posterior(self, x):
        loc, log_scale = self.features(x)
        return tfd.Independent(tfd.Normal(loc, tf.exp(log_scale) + 1e-4), reinterpreted_batch_ndims=1)


class SampleWithoutGradient(_Encoder):
    """Samples of the posterior carry no gradient to the encoder."""

    def posterior(self, x):
        honest = self.honest(x)
        return Patched(honest, sample=lambda n, seed: tf.stop_gradient(honest.sample(n, seed=seed)))


class AlwaysDropout(_Encoder):
    """Dropout is always on, so that one example has another posterior in each call."""

    def __init__(
        self, event_shape: Shape, latent_dim: Positive, rate: Annotated[float, Ge(0.1), Le(0.9)] = 0.5
    ) -> None:
        super().__init__(event_shape, latent_dim)
        self.dropout = keras.layers.Dropout(rate)

    def posterior(self, x):
        return self.honest(self.dropout(x, training=True))


class LatentsAreABatch(_Encoder):
    """The latents are a batch: no Independent makes them an event."""

    def posterior(self, x):
        loc, raw = self.features(x)
        return tfd.Normal(loc, softplus_scale(raw))


class SamplesTooNarrow(_Encoder):
    """Samples are spread by the variance, the density by the standard deviation."""

    def posterior(self, x):
        loc, raw = self.features(x)
        sampled = tfd.MultivariateNormalDiag(loc, softplus_scale(raw) ** 2)
        return Patched(self.honest(x), sample=lambda n, seed: sampled.sample(n, seed=seed))


class NoiseSharedByRows(_Encoder):
    """Its noise has no batch axis: all examples of a batch get the same."""

    def posterior(self, x):
        return noise_shared_by_rows(self.honest(x))


class LocationCutFromThePath(_Encoder):
    """Its samples carry a gradient to the scale only: the location comes as numbers."""

    def posterior(self, x):
        honest = self.honest(x)
        loc = tf.stop_gradient(honest.mean())
        return Patched(honest, sample=lambda n, seed: loc + honest.sample(n, seed=seed) - honest.mean())


class MixtureWithoutPathsToItsWeights(_Encoder):
    """A mixture of two normals: which of them a sample is from carries no gradient to their weights."""

    def posterior(self, x):
        loc, raw = self.features(x)
        parts = tfd.MultivariateNormalDiag(
            tf.stack([loc, loc + 2.0], axis=-2), 0.5 * tf.ones([2, self.latent_dim])
        )
        logits = tf.concat([raw[..., :1], tf.zeros_like(raw[..., :1])], axis=-1)
        return tfd.MixtureSameFamily(tfd.Categorical(logits), parts)


class FirstChannelOnly(_Encoder):
    """Only the first channel of an image is read, or the first element of a vector."""

    def __init__(self, event_shape: Shape, latent_dim: Positive) -> None:
        super().__init__((*event_shape[:-1], 1), latent_dim)

    def posterior(self, x):
        return self.honest(x[..., :1])


class LastElementDropped(_Encoder):
    """A slice that ends too early leaves the last channel or element out, where there is more than one."""

    def __init__(self, event_shape: Shape, latent_dim: Positive) -> None:
        kept = max(1, event_shape[-1] - 1)
        super().__init__((*event_shape[:-1], kept), latent_dim)
        self.kept = kept

    def posterior(self, x):
        return self.honest(x[..., : self.kept])


class UpperHalfOnly(_Encoder):
    """Only the upper half of an image is read."""

    def __init__(self, event_shape: Shape, latent_dim: Positive) -> None:
        if len(event_shape) != 3:
            raise ConfigError(f"expected images; got examples {list(event_shape)}.", parameter="event_shape")
        super().__init__((event_shape[0] // 2, *event_shape[1:]), latent_dim)
        self.height = event_shape[0] // 2

    def posterior(self, x):
        return self.honest(x[:, : self.height])


class LatentsCopied(_Encoder):
    """All latents have the location and the scale of the first."""

    def posterior(self, x):
        loc, raw = self.features(x)
        first = tf.zeros([self.latent_dim], tf.int32)
        return tfd.MultivariateNormalDiag(
            tf.gather(loc, first, axis=-1), softplus_scale(tf.gather(raw, first, axis=-1))
        )


class ScaleOfTheExamplesNotSaved(_Encoder):
    """Examples are divided by the standard deviation of the training data, kept as a number and not saved."""

    def __init__(self, event_shape: Shape, latent_dim: Positive, examples: Any) -> None:
        super().__init__(event_shape, latent_dim)
        self.scale = float(np.std(examples))

    def posterior(self, x):
        return self.honest(x / self.scale)


class MeanOfTheExamplesNotSaved(_Encoder):
    """The mean training example, which is subtracted from x, is an array and is not saved."""

    def __init__(self, event_shape: Shape, latent_dim: Positive, examples: Any) -> None:
        super().__init__(event_shape, latent_dim)
        self.mean = np.mean(examples, axis=0, dtype=np.float32)

    def posterior(self, x):
        return self.honest(x - self.mean)


class TenExamplesNeeded(_Encoder):
    """It measures a scale on ten training examples, and cannot be built where loading supplies one of zeros."""

    def __init__(self, event_shape: Shape, latent_dim: Positive, examples: Any) -> None:
        super().__init__(event_shape, latent_dim)
        if len(examples) < 10:
            raise ConfigError(f"expected 10 examples or more; got {len(examples)}.")
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")
        self.scale.assign(np.std(examples))

    def posterior(self, x):
        return self.honest(x / self.scale.value)


# Conditions


class ConditionOfTheFirstRow(Encoder):
    """All examples of a batch get the condition of the first."""

    def __init__(self, latent_dim: Positive, event_shape: Shape, condition_dim: Positive) -> None:
        super().__init__()
        self.network = Dense((8,), "elu").connect(tuple(event_shape), (2 * latent_dim,), condition_dim)

    def posterior(self, x, condition):
        loc, raw = tf.split(
            self.network.outputs(x, condition[:1] if len(condition.shape) > 1 else condition), 2, -1
        )
        return tfd.MultivariateNormalDiag(loc, tf.nn.softplus(raw) + 1e-3)

"""Likelihood heads for counts, numbers, and numbers between bounds."""

from typing import Annotated, ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Gt, Le

from probvae.components.likelihoods.elementwise import Elementwise
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import COUNTS, ONE_HOT, UNIT, LikelihoodHead, Positive, Shape, Values
from probvae.errors import ConfigError

tfd = tfp.distributions


class _One(Elementwise):
    """One output for each element."""

    def __init__(self, event_shape: Shape) -> None:
        super().__init__(event_shape)


class _Two(Elementwise):
    """A location and a scale for each element."""

    def __init__(self, event_shape: Shape) -> None:
        super().__init__(event_shape, outputs_per_element=2)

    def parameters(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return loc, softplus_scale(raw, 0.01)


def softmax(logits):
    """Of logits kept within (-10, 10), with any number of axes: tf.nn.softmax takes at most five on CPUs."""
    logits = 10 * tf.tanh(logits / 10)
    return tf.exp(logits - tf.reduce_logsumexp(logits, axis=-1, keepdims=True))


# Counts


class Poisson(_One):
    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        return tfd.Poisson(softplus_scale(outputs, 0.01))


class PoissonWithLogRates(_One):
    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        return tfd.Poisson(log_rate=outputs)


class Geometric(_One):
    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        return tfd.Geometric(logits=tf.clip_by_value(outputs, -4.0, 4.0))


class NegativeBinomial(_Two):
    """By its mean and by how many successes end it."""

    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        raw_mean, raw_count = tf.split(outputs, 2, axis=-1)
        mean, count = softplus_scale(raw_mean, 0.01), softplus_scale(raw_count, 0.1)
        return tfd.NegativeBinomial(count, logits=tf.math.log(mean) - tf.math.log(count))


class Binomial(_One):
    def __init__(self, event_shape: Shape, trials: Positive = 3) -> None:
        super().__init__(event_shape)
        self.trials = trials
        self.support = Values(0, trials, integer=True)

    def elements(self, outputs):
        return tfd.Binomial(float(self.trials), logits=outputs)


class BetaBinomial(Elementwise):
    def __init__(self, event_shape: Shape, trials: Positive = 3) -> None:
        super().__init__(event_shape, outputs_per_element=2)
        self.trials = trials
        self.support = Values(0, trials, integer=True)

    def elements(self, outputs):
        one, other = (softplus_scale(part, 0.1) for part in tf.split(outputs, 2, axis=-1))
        return tfd.BetaBinomial(float(self.trials), one, other)


class Levels(Elementwise):
    """One of a few levels, each with a logit of its own."""

    def __init__(self, event_shape: Shape, levels: Annotated[int, Ge(2), Le(8)] = 4) -> None:
        super().__init__(event_shape, outputs_per_element=levels)
        self.levels = levels
        self.support = Values(0, levels - 1, integer=True)

    def elements(self, outputs):
        logits = tf.stack(tf.split(outputs, self.levels, axis=-1), axis=-1)
        return tfd.FiniteDiscrete(tf.range(float(self.levels)), probs=softmax(logits))


class OneHot(LikelihoodHead):
    """One of K categories as a one-hot vector, along the last axis."""

    support: ClassVar[Values] = ONE_HOT

    def __init__(self, event_shape: Shape) -> None:
        super().__init__()
        if event_shape[-1] < 2:
            raise ConfigError(f"one-hot head: expected 2 or more categories; got {event_shape[-1]}.")
        self.output_shape = tuple(event_shape)

    def likelihood(self, outputs):
        vectors = tfd.OneHotCategorical(probs=softmax(outputs), dtype=tf.float32)
        return tfd.Independent(vectors, reinterpreted_batch_ndims=len(self.output_shape) - 1)


class Categories(Elementwise):
    """One of a few categories by its number."""

    def __init__(self, event_shape: Shape, categories: Annotated[int, Ge(2), Le(8)] = 4) -> None:
        super().__init__(event_shape, outputs_per_element=categories)
        self.categories = categories
        self.support = Values(0, categories - 1, integer=True)

    def elements(self, outputs):
        logits = tf.stack(tf.split(outputs, self.categories, axis=-1), axis=-1)
        return tfd.Categorical(probs=softmax(logits), dtype=tf.float32)


class WithoutMean(_Two):
    """A logistic in eight bins; TFP gives quantised distributions no mean."""

    support: ClassVar[Values] = Values(0, 7, integer=True)

    def elements(self, outputs):
        loc, scale = self.parameters(outputs)
        # Shifted by a half, because a quantised distribution rounds up.
        logistic = tfd.Logistic(3.0 + tf.clip_by_value(loc, -8, 8), 0.2 + scale)
        return tfd.QuantizedDistribution(logistic, low=0.0, high=7.0)


class _Quantized(tfd.QuantizedDistribution):
    """With the mean that TFP's has not."""

    def _mean(self):
        levels = tf.range(self.low, self.high + 1)
        shape = tf.concat([[tf.size(levels)], tf.ones_like(self.batch_shape_tensor())], axis=0)
        levels = tf.reshape(levels, shape)
        return tf.reduce_sum(levels * tf.exp(self.log_prob(levels)), axis=0)


class DiscretizedLogistic(_Two):
    """A logistic in 256 bins, the first and the last with its tails."""

    support: ClassVar[Values] = Values(0, 255, integer=True)

    def elements(self, outputs):
        loc, scale = self.parameters(outputs)
        # Level y is the logistic's mass from y - 1 to y, so the location of level 127.5 is 127.
        return _Quantized(tfd.Logistic(127.0 + 30.0 * loc, 0.5 + 10.0 * scale), low=0.0, high=255.0)


# Numbers


class Laplace(_Two):
    def elements(self, outputs):
        return tfd.Laplace(*self.parameters(outputs))


class Logistic(_Two):
    def elements(self, outputs):
        return tfd.Logistic(*self.parameters(outputs))


class StudentT(_Two):
    def __init__(self, event_shape: Shape, df: Annotated[float, Gt(1), Le(100)] = 3.0) -> None:
        super().__init__(event_shape)
        self.df = df

    def elements(self, outputs):
        return tfd.StudentT(self.df, *self.parameters(outputs))


class LearnedScales(Elementwise):
    """Normals whose scales are learned, one for each element, and no function of the latents."""

    def __init__(self, event_shape: Shape) -> None:
        super().__init__(event_shape)
        start = keras.initializers.Constant(raw_scale(1.0))
        self.raw_scale = self.add_weight(shape=tuple(event_shape), initializer=start, name="raw_scale")

    def elements(self, outputs):
        return tfd.Normal(outputs, softplus_scale(self.raw_scale.value, 0.01))


class LogisticMixture(Elementwise):
    """A mixture of logistics for each element."""

    def __init__(self, event_shape: Shape, components: Annotated[int, Ge(2)] = 2) -> None:
        super().__init__(event_shape, outputs_per_element=3 * components)
        self.components = components

    def elements(self, outputs):
        parts = tf.stack(tf.split(outputs, 3 * self.components, axis=-1), axis=-1)  # [..., *E, 3 K]
        logits, loc, raw = tf.split(parts, 3, axis=-1)
        logistics = tfd.Logistic(loc, softplus_scale(raw, 0.01))
        return tfd.MixtureSameFamily(tfd.Categorical(probs=softmax(logits)), logistics)


# Between bounds


class TruncatedNormal(_Two):
    support: ClassVar[Values] = UNIT

    def elements(self, outputs):
        loc, scale = self.parameters(outputs)
        return tfd.TruncatedNormal(tf.sigmoid(loc), 0.1 + scale, 0.0, 1.0)


class Exponential(_One):
    support: ClassVar[Values] = Values(0)

    def elements(self, outputs):
        return tfd.Exponential(softplus_scale(outputs, 0.01))


class HalfNormal(_One):
    support: ClassVar[Values] = Values(0)

    def elements(self, outputs):
        return tfd.HalfNormal(softplus_scale(outputs, 0.01))


class LogNormal(_Two):
    """Positive numbers, none of them 0."""

    support: ClassVar[Values] = Values(0, open=True)

    def elements(self, outputs):
        return tfd.LogNormal(*self.parameters(outputs))


class Gamma(_Two):
    support: ClassVar[Values] = Values(0, open=True)

    def elements(self, outputs):
        raw_concentration, raw_rate = tf.split(outputs, 2, axis=-1)
        return tfd.Gamma(softplus_scale(raw_concentration, 0.5), softplus_scale(raw_rate, 0.01))


class Beta(_Two):
    """Numbers between 0 and 1, neither of them included."""

    support: ClassVar[Values] = Values(0, 1, open=True)

    def elements(self, outputs):
        one, other = (softplus_scale(part, 1.0) for part in tf.split(outputs, 2, axis=-1))
        return tfd.Beta(one, other)

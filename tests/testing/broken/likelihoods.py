"""Wrong likelihood heads."""

from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.likelihoods.elementwise import Elementwise
from probvae.components.scales import softplus_scale
from probvae.core import BINARY, COUNTS, ONE_HOT, UNIT, LikelihoodHead, Shape, Values
from probvae.errors import ConfigError

from .distributions import Patched

tfd = tfp.distributions


class _One(Elementwise):
    """One output for each element."""

    def __init__(self, event_shape: Shape) -> None:
        super().__init__(event_shape)


class _Two(Elementwise):
    """Two outputs for each element: a location and a raw scale."""

    def __init__(self, event_shape: Shape) -> None:
        super().__init__(event_shape, outputs_per_element=2)

    def parameters(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return loc, softplus_scale(raw)


# Densities that are none


class OnesOnly(_One):
    """The log-density counts the ones, x log p, and forgets the zeros, (1 - x) log(1 - p)."""

    support: ClassVar[Values] = BINARY

    def elements(self, outputs):
        honest = tfd.Bernoulli(logits=outputs, dtype=tf.float32)
        return Patched(honest, log_prob=lambda x: x * tf.math.log_sigmoid(outputs))


class CrossEntropyAsDensity(_One):
    """The cross entropy of a Bernoulli is taken for a density on [0, 1], without the normaliser."""

    support: ClassVar[Values] = UNIT

    def elements(self, outputs):
        honest = tfd.ContinuousBernoulli(logits=outputs)
        return Patched(honest, log_prob=tfd.Bernoulli(logits=outputs, dtype=tf.float32).log_prob)


class BernoulliOnTheUnitInterval(_One):
    """A Bernoulli declares all numbers from 0 to 1, where only 0 and 1 have probability."""

    support: ClassVar[Values] = UNIT

    def elements(self, outputs):
        return tfd.Bernoulli(logits=outputs, dtype=tf.float32)


class SquaredError(_One):
    """Half the squared error is taken for the log-density of a normal, without its constant."""

    def elements(self, outputs):
        return Patched(tfd.Normal(outputs, 1.0), log_prob=lambda x: -0.5 * (x - outputs) ** 2)


class NoLogScale(_Two):
    """The squared error is divided by the learned variance, and the logarithm of the scale is left out."""

    def elements(self, outputs):
        loc, scale = self.parameters(outputs)
        standard = tfd.Normal(0.0, 1.0)
        return Patched(tfd.Normal(loc, scale), log_prob=lambda x: standard.log_prob((x - loc) / scale))


class PoissonLoss(_One):
    """The Poisson loss lacks the log-factorial of the count."""

    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        log_rate = tf.clip_by_value(outputs, -10, 5)
        honest = tfd.Poisson(log_rate=log_rate)
        return Patched(honest, log_prob=lambda x: x * log_rate - tf.exp(log_rate))


class BinsWithoutTails(_Two):
    """The first and the last bin of a discretised logistic lack its tails."""

    support: ClassVar[Values] = Values(0, 7, integer=True)

    def elements(self, outputs):
        loc, scale = self.parameters(outputs)
        logistic = tfd.Logistic(3.5 + loc, scale)

        def sample(n, seed):
            return tf.clip_by_value(tf.round(logistic.sample(n, seed=seed)), 0, 7)

        def log_prob(x):
            return tf.math.log(tf.maximum(logistic.cdf(x + 0.5) - logistic.cdf(x - 0.5), 1e-12))

        # The sum over k of the probability of more than k.
        mean = lambda: tf.add_n([logistic.survival_function(k + 0.5) for k in range(7)])  # noqa: E731
        return Patched(logistic, sample, log_prob, mean)


# Sums


class MeanOverTheEvent(LikelihoodHead):
    """The log-density is the mean over the elements instead of the sum."""

    support: ClassVar[Values] = BINARY

    def __init__(self, event_shape: Shape) -> None:
        super().__init__()
        self.axes = [-1 - i for i in range(len(event_shape))]
        self.output_shape = tuple(event_shape)

    def likelihood(self, outputs):
        elements = tfd.Bernoulli(logits=outputs, dtype=tf.float32)
        honest = tfd.Independent(elements, reinterpreted_batch_ndims=len(self.axes))
        return Patched(honest, log_prob=lambda x: tf.reduce_mean(elements.log_prob(x), axis=self.axes))


class SumOverTheLastAxis(LikelihoodHead):
    """Only the last axis is summed over: an image's rows and columns are a batch."""

    support: ClassVar[Values] = BINARY

    def __init__(self, event_shape: Shape) -> None:
        super().__init__()
        self.output_shape = tuple(event_shape)

    def likelihood(self, outputs):
        return tfd.Independent(tfd.Bernoulli(logits=outputs, dtype=tf.float32), reinterpreted_batch_ndims=1)


class ExtraAxis(LikelihoodHead):
    """The event is summed over one axis too many: the last batch axis becomes part of it."""

    support: ClassVar[Values] = BINARY

    def __init__(self, event_shape: Shape) -> None:
        super().__init__()
        self.output_shape = tuple(event_shape)

    def likelihood(self, outputs):
        elements = tfd.Bernoulli(logits=outputs, dtype=tf.float32)
        return tfd.Independent(
            elements, reinterpreted_batch_ndims=min(outputs.shape.rank, 1 + len(self.output_shape))
        )


# Supports and dtypes


class PositiveDeclaredReal(_Two):
    """It declares all numbers, and has density for positive ones only."""

    def elements(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return tfd.LogNormal(tf.tanh(loc), 0.1 + tf.sigmoid(raw))


class NormalDeclaredUnit(_Two):
    """It declares the numbers from 0 to 1, and much of its mass lies outside."""

    support: ClassVar[Values] = UNIT

    def elements(self, outputs):
        return tfd.Normal(*self.parameters(outputs))


class CountsFromOne(_One):
    """It declares counts from 0 up, and gives 0 no probability."""

    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        honest = tfd.Poisson(log_rate=tf.clip_by_value(outputs, -10, 5))
        return Patched(
            honest,
            sample=lambda n, seed: 1 + honest.sample(n, seed=seed),
            log_prob=lambda x: tf.where(x < 1, -float("inf"), honest.log_prob(tf.maximum(x, 1.0) - 1)),
            mean=lambda: 1 + honest.mean(),
        )


class IntegerSamples(_One):
    """Samples are int32, the default of TensorFlow Probability."""

    support: ClassVar[Values] = BINARY

    def elements(self, outputs):
        return tfd.Bernoulli(logits=outputs)


# Means and parameters


class MeanOfLogits(_One):
    """The mean is the logits, instead of the probabilities."""

    support: ClassVar[Values] = BINARY

    def elements(self, outputs):
        return Patched(tfd.Bernoulli(logits=outputs, dtype=tf.float32), mean=lambda: tf.identity(outputs))


class ModeAsMean(_One):
    """The mean is the mode, 0 or 1, instead of the probabilities."""

    support: ClassVar[Values] = BINARY

    def elements(self, outputs):
        honest = tfd.Bernoulli(logits=outputs, dtype=tf.float32)
        return Patched(honest, mean=lambda: tf.round(honest.probs_parameter()))


class OutputsUnused(_Two):
    """It asks for a scale of each element and never reads it."""

    def elements(self, outputs):
        loc, _ = self.parameters(outputs)
        return tfd.Normal(loc, 1.0)


class RowsShareAScale(_One):
    """The scale is the mean size of the outputs over the batch."""

    def elements(self, outputs):
        leading = list(range(max(0, outputs.shape.rank - self.event_rank)))
        return tfd.Normal(outputs, tf.reduce_mean(tf.abs(outputs), axis=leading) + 0.1)


class NoiseSharedByRows(_One):
    """The noise of its samples has no batch axis: all images of a draw get the same."""

    def elements(self, outputs):
        def sample(n, seed):
            leading = tf.ones(tf.rank(outputs) - self.event_rank, tf.int32)
            shape = tf.concat([[n], leading, tf.shape(outputs)[-self.event_rank :]], axis=0)
            return outputs + 0.5 * tf.random.stateless_normal(shape, seed)

        return Patched(tfd.Normal(outputs, 0.5), sample=sample)


class _Levels(_Two):
    """A logistic distribution that is rounded to levels, from its cumulative distribution."""

    low, high = 0.0, 7.0

    def logistic(self, outputs):
        loc, scale = self.parameters(outputs)
        return tfd.Logistic(3.5 + loc, 0.05 + scale)

    def elements(self, outputs):
        logistic = self.logistic(outputs)

        def sample(n, seed):
            return tf.clip_by_value(tf.round(logistic.sample(n, seed=seed)), self.low, self.high)

        def mean():
            steps = tf.range(self.low, self.high)
            return tf.reduce_sum(logistic[..., None].survival_function(steps + 0.5), axis=-1)

        return Patched(logistic, sample, lambda x: self.log_mass(logistic, x), mean)


class UnlikelyLevels(_Levels):
    """Unlikely levels are masked by tf.where after a logarithm of 0, whose gradient is NaN."""

    support: ClassVar[Values] = Values(0, 7, integer=True)

    def log_mass(self, logistic, x):
        above = tf.where(x > 6.5, 1.0, logistic.cdf(x + 0.5))
        below = tf.where(x < 0.5, 0.0, logistic.cdf(x - 0.5))
        far = -tf.abs(x - logistic.loc) / logistic.scale - tf.math.log(logistic.scale)
        return tf.where(above - below > 1e-6, tf.math.log(above - below), far)


class LastLevelWithoutTail(_Levels):
    """The last of 256 levels has the mass of its bin only, and not that of all above it."""

    support: ClassVar[Values] = Values(0, 255, integer=True)
    high = 255.0

    def logistic(self, outputs):
        loc, scale = self.parameters(outputs)
        return tfd.Logistic(127.5 + 32.0 * loc, 2.0 + 8.0 * scale)

    def log_mass(self, logistic, x):
        above = logistic.log_cdf(x + 0.5)
        below = tf.where(x < 0.5, -1e30, logistic.log_cdf(x - 0.5))
        return above + tf.math.log1p(-tf.exp(tf.minimum(below - above, -1e-6)))


# Supports that are open, infinite, or no product


class LogNormalDeclaredFromZero(_Two):
    """A log-normal declares the numbers from 0 up, and its log-density at 0 is minus infinity."""

    support: ClassVar[Values] = Values(0)

    def elements(self, outputs):
        return tfd.LogNormal(*self.parameters(outputs))


class BitsDeclaredOneHot(_One):
    """Independent bits declare one-hot vectors, and draw any."""

    support: ClassVar[Values] = ONE_HOT

    def elements(self, outputs):
        return tfd.Bernoulli(logits=outputs, dtype=tf.float32)


class OneHotDeclaredBits(LikelihoodHead):
    """One-hot vectors declare all bits, of which most have no probability."""

    support: ClassVar[Values] = BINARY

    def __init__(self, event_shape: Shape) -> None:
        super().__init__()
        if event_shape[-1] < 2 or len(event_shape) > 1:
            raise ConfigError(f"expected vectors of 2 or more; got {list(event_shape)}.", parameter="event_shape")
        self.output_shape = tuple(event_shape)

    def likelihood(self, outputs):
        return tfd.OneHotCategorical(logits=outputs, dtype=tf.float32)


class OneHotTwiceTooLikely(OneHotDeclaredBits):
    """The logits of one-hot vectors are doubled in the density only."""

    support: ClassVar[Values] = ONE_HOT

    def likelihood(self, outputs):
        sharp = tfd.OneHotCategorical(logits=2 * outputs, dtype=tf.float32)
        return Patched(tfd.OneHotCategorical(logits=outputs, dtype=tf.float32), log_prob=sharp.log_prob)


class PoissonWithoutItsFactorial(_One):
    """The log of the factorial is left out of a Poisson's density."""

    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        honest = tfd.Poisson(log_rate=outputs)
        return Patched(honest, log_prob=lambda x: x * outputs - tf.exp(outputs))


class ZeroInflatedInTheSampler(_Two):
    """A Poisson draws additional zeros, of which its density knows nothing."""

    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        zero, log_rate = tf.split(outputs, 2, axis=-1)
        honest = tfd.Poisson(log_rate=log_rate)

        def sample(n, seed):
            one, other = tfp.random.split_seed(seed)
            counts = honest.sample(n, seed=one)
            kept = tf.random.stateless_uniform(tf.shape(counts), other) > 0.5 * tf.sigmoid(zero)
            return tf.where(kept, counts, 0.0)

        return Patched(honest, sample=sample)


class PoissonRateMayBeZero(_One):
    """The softplus of the rate has no floor: it is zero for an extreme output, and then NaN."""

    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        return tfd.Poisson(tf.nn.softplus(outputs))


class ScaleOfTheExamplesNotSaved(_One):
    """Its scale is the standard deviation of the training data, kept as a number and not saved."""

    def __init__(self, event_shape: Shape, examples: Any) -> None:
        super().__init__(event_shape)
        self.scale = float(np.std(examples))

    def elements(self, outputs):
        return tfd.Normal(outputs, self.scale)


class NoNormaliserInTheMiddle(_One):
    """The normaliser of a continuous Bernoulli, 2 in the middle, is left out where its formula is 0 / 0."""

    support: ClassVar[Values] = UNIT

    def elements(self, outputs):
        honest = tfd.ContinuousBernoulli(logits=outputs)
        near = tf.where(tf.abs(outputs) < 1e-3, np.log(2.0).astype(np.float32), 0.0)
        return Patched(honest, log_prob=lambda x: honest.log_prob(x) - near)

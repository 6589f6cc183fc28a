"""Wrong likelihood heads."""

from typing import Annotated, Any, ClassVar

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Gt, Le

from probvae.components.likelihoods.elementwise import Elementwise
from probvae.components.likelihoods.mixed import Mixed
from probvae.components.likelihoods.poisson import Poisson
from probvae.components.scales import log_rate, softplus_scale
from probvae.core import BINARY, COUNTS, ONE_HOT, UNIT, Group, LikelihoodHead, Shape, Use, Values
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


class ChannelsIndependentInTheSampler(LikelihoodHead):
    """In the density the mean of a channel depends on the channel before, and in the sampler it does not."""

    def __init__(self, event_shape: Shape) -> None:
        super().__init__()
        if len(event_shape) != 3:
            raise ConfigError(f"expected images; got {list(event_shape)}.", parameter="event_shape")
        self.output_shape = tuple(event_shape)

    def likelihood(self, outputs):
        honest = tfd.Independent(tfd.Normal(outputs, 1.0), reinterpreted_batch_ndims=3)

        def log_prob(x):
            before = tf.concat([tf.zeros_like(x[..., :1]), x[..., :-1]], axis=-1)
            return honest.log_prob(x - 0.8 * before)

        return Patched(honest, log_prob=log_prob)


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


# Counts, levels and their parameters


class _MeanAndDispersion(_Two):
    """A negative binomial by the logarithm of its mean, and a dispersion."""

    support: ClassVar[Values] = COUNTS

    def parameters(self, outputs):
        log_mean, raw = tf.split(outputs, 2, axis=-1)
        return tf.exp(tf.clip_by_value(log_mean, -8, 8)), softplus_scale(raw, 0.05)

    def counts(self, mean, dispersion):
        return tfd.NegativeBinomial(1 / dispersion, logits=tf.math.log(mean * dispersion))


class MeanAndDispersionExchanged(_MeanAndDispersion):
    """The density of a negative binomial takes the dispersion for the mean, and the mean for the dispersion."""

    def elements(self, outputs):
        mean, dispersion = self.parameters(outputs)
        return Patched(self.counts(mean, dispersion), log_prob=self.counts(dispersion, mean).log_prob)


class SuccessesAndFailuresExchanged(_MeanAndDispersion):
    """The density of a negative binomial takes the probability of a failure for that of a success."""

    def elements(self, outputs):
        honest = self.counts(*self.parameters(outputs))
        exchanged = tfd.NegativeBinomial(honest.total_count, logits=-honest.logits)
        return Patched(honest, log_prob=exchanged.log_prob)


class NoBinomialCoefficient(_Two):
    """A beta-binomial lacks the number of ways in which its successes may come."""

    support: ClassVar[Values] = Values(0, 10, integer=True)

    def elements(self, outputs):
        a, b = (softplus_scale(part, 0.1) for part in tf.split(outputs, 2, axis=-1))

        def log_prob(x):
            return tfp.math.lbeta(a + x, b + (10 - x)) - tfp.math.lbeta(a, b)

        return Patched(tfd.BetaBinomial(10.0, a, b), log_prob=log_prob)


class _ZeroInflated(_Two):
    """A Poisson with additional zeros, right unless a part is replaced."""

    support: ClassVar[Values] = COUNTS

    def elements(self, outputs):
        logit, log_mean = tf.split(outputs, 2, axis=-1)
        counts, weight = tfd.Poisson(log_rate=log_rate(log_mean)), tf.sigmoid(logit)

        def sample(n, seed):
            one, other = tfp.random.split_seed(seed)
            x = counts.sample(n, seed=one)
            return tf.where(tf.random.stateless_uniform(tf.shape(x), other) < weight, 0.0, x)

        return Patched(counts, sample, lambda x: self.log_mass(logit, counts, x), lambda: self.mean(logit, counts))

    def log_mass(self, logit, counts, x):
        kept = tf.math.log_sigmoid(-logit) + counts.log_prob(x)
        return tf.where(x == 0, tfp.math.log_add_exp(tf.math.log_sigmoid(logit), kept), kept)

    def mean(self, logit, counts):
        return tf.sigmoid(-logit) * counts.mean()


class ZeroInflationCountedTwice(_ZeroInflated):
    """The weight of the additional zeros is taken off the counts once more where they are not 0."""

    def log_mass(self, logit, counts, x):
        return super().log_mass(logit, counts, x) + tf.where(x == 0, 0.0, tf.math.log_sigmoid(-logit))


class AllZerosAreAdditional(_ZeroInflated):
    """A zero has the weight of the additional zeros alone, without those of the counts."""

    def log_mass(self, logit, counts, x):
        kept = tf.math.log_sigmoid(-logit) + counts.log_prob(x)
        return tf.where(x == 0, tf.math.log_sigmoid(logit), kept)


class MeanWithoutItsZeros(_ZeroInflated):
    """The mean is that of the counts, as if there were no additional zeros."""

    def mean(self, logit, counts):
        return counts.mean()


class _Bytes(_Two):
    """A logistic in bins around 256 levels from 0 to 1, from its cumulative distribution."""

    support: ClassVar[Values] = Values.levels(256, divide_by=255)
    half = 0.5 / 255

    def elements(self, outputs):
        loc, scale = self.parameters(outputs)
        logistic = tfd.Logistic(0.5 + 0.2 * loc, scale)

        def sample(n, seed):
            return tf.clip_by_value(tf.round(255 * logistic.sample(n, seed=seed)), 0, 255) / 255

        def mean():
            steps = (tf.range(255.0) + 0.5) / 255
            return tf.reduce_mean(logistic[..., None].survival_function(steps), axis=-1)

        return Patched(logistic, sample, lambda x: self.log_mass(logistic, x), mean)

    def parameters(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return loc, softplus_scale(raw - 2, 0.004)

    def log_mass(self, logistic, x):
        above = tf.where(x > 1 - self.half, 1.0, logistic.cdf(x + self.half))
        below = tf.where(x < self.half, 0.0, logistic.cdf(x - self.half))
        return tf.math.log(tf.maximum(above - below, self.least))

    least = 1e-30


class BinsOfAnotherNumberOfLevels(_Bytes):
    """The bins around 256 levels have the width of 257 levels."""

    half = 0.5 / 256


class UnlikelyLevelsRaised(_Bytes):
    """No level has a probability below 1e-5, on top of those of all others."""

    least = 1e-5


class LevelsOneTooMany(_One):
    """It declares one level more than there are logits for."""

    def __init__(self, event_shape: Shape, levels: Annotated[int, Ge(2), Le(8)] = 4) -> None:
        LikelihoodHead.__init__(self)
        self.event_rank = len(event_shape)
        self.output_shape = (*event_shape[:-1], levels * event_shape[-1])
        self.levels, self.support = levels, Values(0, levels, integer=True)

    def elements(self, outputs):
        logits = tf.stack(tf.split(outputs, self.levels, axis=-1), axis=-1)
        flat = tf.exp(logits - tf.reduce_logsumexp(logits, axis=-1, keepdims=True))
        return tfd.FiniteDiscrete(tf.range(float(self.levels)), probs=flat)


class LogScaleNotFloored(_One):
    """The scale is the exponential of an output, 0 in single precision for an extreme one."""

    def __init__(self, event_shape: Shape) -> None:
        LikelihoodHead.__init__(self)
        self.event_rank = len(event_shape)
        self.output_shape = (*event_shape[:-1], 2 * event_shape[-1])

    def elements(self, outputs):
        loc, log_scale = tf.split(outputs, 2, axis=-1)
        return tfd.Laplace(loc, tf.exp(log_scale))


class DegreesOfFreedomIgnored(_Two):
    """The degrees of freedom are taken, and those of the density are always 4."""

    def __init__(self, event_shape: Shape, df: Annotated[float, Gt(1), Le(100)] = 4.0) -> None:
        super().__init__(event_shape)
        self.df = df

    def elements(self, outputs):
        return tfd.StudentT(4.0, *self.parameters(outputs))


class LibrarySizeIgnored(Poisson):
    """The library size is taken, and the means are the exponentials of the outputs all the same."""

    def elements(self, outputs, log_size=None):
        return super().elements(outputs)


class LibrarySizeOfTheFirstRow(Poisson):
    """All rows have the library size of the first."""

    def elements(self, outputs, log_size=None):
        if log_size is not None:
            log_size = tf.zeros_like(log_size) + tf.reshape(log_size, (-1,))[:1]
        return super().elements(outputs, log_size)


class LibrarySizeTakenUnasked(_One):
    """Its method needs the library size, and its signature does not ask for it."""

    support: ClassVar[Values] = COUNTS

    def likelihood(self, outputs, log_size):
        return super().likelihood(outputs)

    def elements(self, outputs):
        return tfd.Poisson(log_rate=log_rate(outputs))


class ColumnsInTheOrderOfTheirKinds(Mixed):
    """The columns of numbers come first, then counts, then categories, wherever they are in the examples."""

    def __init__(
        self,
        column_groups: tuple[Group, ...],
        numbers: Annotated[LikelihoodHead | None, Use("normal")] = None,
        counts: Annotated[LikelihoodHead | None, Use("negative_binomial")] = None,
    ) -> None:
        super().__init__(column_groups, numbers, counts)
        sizes = [len(place) for place in self.places]
        self.places = tuple(np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]))


class CategoryWithoutItsNormaliser(Mixed):
    """The log-probability of a category is its logit."""

    def category(self, logits):
        return Patched(super().category(logits), log_prob=lambda x: x * logits)

"""Wrong priors."""

from math import log, pi
from typing import Annotated, Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge

from probvae.components.priors.exemplar import Exemplar, mixture
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import SIMPLEX, SPHERE, Hierarchy, Positive, Prior, Promises, Support, Values
from probvae.errors import ConfigError

from .distributions import Patched, normal_noise

tfb = tfp.bijectors
tfd = tfp.distributions

ONE = keras.initializers.Constant(raw_scale(1.0))
HALF_LOG_2_PI = 0.5 * log(2 * pi)


def _spread():
    return keras.initializers.RandomNormal(stddev=1.0)


class _Normal(Prior):
    """Independent normals with learned locations and scales, before anything is wrong with them."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.loc = self.add_weight(shape=(latent_dim,), initializer=_spread(), name="loc")
        self.raw_scale = self.add_weight(shape=(latent_dim,), initializer=ONE, name="raw_scale")

    def parameters(self):
        """The location and the scale, both [D]."""
        return tf.convert_to_tensor(self.loc.value), softplus_scale(self.raw_scale.value)

    def honest(self):
        return tfd.MultivariateNormalDiag(*self.parameters())


class _Mixture(Prior):
    """A mixture of diagonal normals, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive, components: Positive = 4) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        shape = (components, latent_dim)
        self.logits = self.add_weight(
            shape=(components,), initializer="zeros", name="logits", trainable=components > 1
        )
        self.loc = self.add_weight(shape=shape, initializer=_spread(), name="loc")
        self.raw_scale = self.add_weight(shape=shape, initializer=ONE, name="raw_scale")

    def parameters(self):
        """The location and the scale, both [K, D]."""
        return tf.convert_to_tensor(self.loc.value), softplus_scale(self.raw_scale.value)

    def honest(self):
        weights = tfd.Categorical(logits=self.logits.value)
        return tfd.MixtureSameFamily(weights, tfd.MultivariateNormalDiag(*self.parameters()))


class PointStopped(_Normal):
    """The density is cut from the point at which it is taken, through which an encoder learns."""

    def distribution(self):
        p = self.honest()
        return Patched(p, log_prob=lambda z: p.log_prob(tf.stop_gradient(z)))


# The density and the sampler are of two distributions


class LogDetPerDimension(_Normal):
    """The log-determinant, summed over the dimensions already, is added once per dimension."""

    def distribution(self):
        loc, scale = self.parameters()
        log_det = tf.reduce_sum(tf.math.log(scale))

        def log_prob(z):
            noise = (z - loc) / scale
            return tf.reduce_sum(-0.5 * noise**2 - HALF_LOG_2_PI - log_det, axis=-1)

        return Patched(self.honest(), log_prob=log_prob)


class MixtureOfMarginals(_Mixture):
    """The logsumexp over the components is taken before the sum over the dimensions."""

    def distribution(self):
        loc, scale = self.parameters()

        def log_prob(z):
            each = tfd.Normal(loc, scale).log_prob(z[..., None, :])  # [..., K, D]
            weighted = each + tf.nn.log_softmax(self.logits.value)[:, None]
            return tf.reduce_sum(tf.reduce_logsumexp(weighted, axis=-2), axis=-1)

        return Patched(self.honest(), log_prob=log_prob)


class LogVarianceAsLogScale(Prior):
    """Samples are spread by exp(log-variance), where the density has exp(0.5 log-variance)."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.loc = self.add_weight(shape=(latent_dim,), initializer=_spread(), name="loc")
        self.log_variance = self.add_weight(shape=(latent_dim,), initializer="zeros", name="log_variance")

    def distribution(self):
        loc, log_variance = tf.convert_to_tensor(self.loc.value), tf.clip_by_value(self.log_variance.value, -9, 9)
        dense = tfd.MultivariateNormalDiag(loc, tf.exp(0.5 * log_variance))
        sampled = tfd.MultivariateNormalDiag(loc, tf.exp(log_variance))
        return Patched(dense, sample=lambda n, seed: sampled.sample(n, seed=seed))


class WeightsIgnored(_Mixture):
    """The sampler picks every component equally often, whatever the weights."""

    def distribution(self):
        equal = tfd.Categorical(logits=tf.zeros_like(self.logits.value))
        sampled = tfd.MixtureSameFamily(equal, tfd.MultivariateNormalDiag(*self.parameters()))
        return Patched(self.honest(), sample=lambda n, seed: sampled.sample(n, seed=seed))


class FivePercentTooMuch(_Normal):
    """The density integrates to 1.05."""

    def distribution(self):
        honest = self.honest()
        return Patched(honest, log_prob=lambda z: honest.log_prob(z) + log(1.05))


class SamplesTooWide(_Normal):
    """Samples are spread ten percent further than the density says, in every dimension."""

    def distribution(self):
        loc, scale = self.parameters()
        sampled = tfd.MultivariateNormalDiag(loc, 1.1 * scale)
        return Patched(self.honest(), sample=lambda n, seed: sampled.sample(n, seed=seed))


class SamplesSwapped(_Normal):
    """The sampler swaps the first dimension and the last."""

    def distribution(self):
        honest = self.honest()
        order = [self.latent_dim - 1, *range(1, self.latent_dim - 1), 0][: self.latent_dim]
        return Patched(honest, sample=lambda n, seed: tf.gather(honest.sample(n, seed=seed), order, axis=-1))


class NoConstant(_Normal):
    """The log-density lacks its constant, 0.5 D log 2 pi."""

    def distribution(self):
        honest = self.honest()
        return Patched(honest, log_prob=lambda z: honest.log_prob(z) + self.latent_dim * HALF_LOG_2_PI)


class NoLogScale(_Normal):
    """The log-density lacks the logarithm of the scale."""

    def distribution(self):
        loc, scale = self.parameters()
        standard = tfd.MultivariateNormalDiag(tf.zeros_like(loc), tf.ones_like(scale))
        return Patched(self.honest(), log_prob=lambda z: standard.log_prob((z - loc) / scale))


class OneNoiseForAllDimensions(_Normal):
    """All dimensions of a sample share one random number, so that each marginal is right and the whole is not."""

    def distribution(self):
        loc, scale = self.parameters()
        return Patched(self.honest(), sample=lambda n, seed: loc + scale * normal_noise(n, 1, seed))


class OneNoiseForAllSamples(_Normal):
    """All samples of one call are the same."""

    def distribution(self):
        loc, scale = self.parameters()

        def sample(n, seed):
            noise = tf.random.stateless_normal((1, self.latent_dim), seed)
            return tf.repeat(loc + scale * noise, n, axis=0)

        return Patched(self.honest(), sample=sample)


class TruncatedSamples(_Normal):
    """Samples come from a truncated normal, the density is that of a whole one."""

    def distribution(self):
        loc, scale = self.parameters()

        def sample(n, seed):
            return loc + scale * tf.random.stateless_truncated_normal(tf.stack([n, self.latent_dim]), seed)

        return Patched(self.honest(), sample=sample)


# Shapes


class SumOverTheBatch(_Normal):
    """The log-density is summed over the batch."""

    def distribution(self):
        loc, scale = self.parameters()
        return Patched(self.honest(), log_prob=lambda z: tf.reduce_sum(tfd.Normal(loc, scale).log_prob(z)))


class NoSumOverTheEvent(_Normal):
    """The log-density is not summed over the dimensions, although the event has them."""

    def distribution(self):
        return Patched(self.honest(), log_prob=tfd.Normal(*self.parameters()).log_prob)


class NoIndependent(_Normal):
    """The dimensions are a batch: no Independent makes them an event."""

    def distribution(self):
        return tfd.Normal(*self.parameters())


class BatchOfOne(Prior):
    """The parameters have a leading axis of one, and with them the distribution a batch of one."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.loc = self.add_weight(shape=(1, latent_dim), initializer=_spread(), name="loc")

    def distribution(self):
        return tfd.MultivariateNormalDiag(tf.convert_to_tensor(self.loc.value), tf.ones_like(self.loc.value))


class RowsStandardised(_Normal):
    """The density standardises latents by the mean and the spread of their batch."""

    def distribution(self):
        honest = self.honest()

        def log_prob(z):
            rows = tf.reshape(z, (-1, self.latent_dim))
            spread = tf.math.reduce_std(rows, axis=0) + 1e-3
            standard = (z - tf.reduce_mean(rows, axis=0)) / spread
            return honest.log_prob(standard) - tf.reduce_sum(tf.math.log(spread))

        return Patched(honest, log_prob=log_prob)


# Variables


class StoredAtConstruction(_Normal):
    """The distribution is stored at construction, with copies of the variables."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.stored = self.honest()

    def distribution(self):
        return self.stored


class NeverUsed(_Normal):
    """A trainable variable is never used."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.skewness = self.add_weight(shape=(latent_dim,), initializer="zeros", name="skewness")

    def distribution(self):
        return self.honest()


class HiddenInAClosure(Prior):
    """A variable is hidden in a closure, where nothing saves it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        loc = tf.Variable(tf.random.normal([latent_dim]))
        self.make = lambda: tfd.MultivariateNormalDiag(tf.convert_to_tensor(loc), tf.ones(latent_dim))

    def distribution(self):
        return self.make()


class _Holder:
    def __init__(self, **variables):
        vars(self).update(variables)


class HiddenInAnObject(Prior):
    """A variable is held by a plain object, where nothing saves it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.holder = _Holder(loc=tf.Variable(tf.random.normal([latent_dim])))

    def distribution(self):
        return tfd.MultivariateNormalDiag(tf.convert_to_tensor(self.holder.loc), tf.ones(self.latent_dim))


class AnewInEachCall(Prior):
    """A variable is created anew in each call, so that it never learns."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.raw_scale = self.add_weight(shape=(latent_dim,), initializer=ONE, name="raw_scale")

    def distribution(self):
        loc = tf.Variable(tf.zeros(self.latent_dim))
        return tfd.MultivariateNormalDiag(tf.convert_to_tensor(loc), softplus_scale(self.raw_scale.value))


class RotationNotSaved(_Normal):
    """A random rotation is drawn at construction into a plain array, which nothing saves."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        square = np.random.default_rng().normal(size=(latent_dim, latent_dim))
        self.rotation = np.linalg.qr(square)[0].astype(np.float32)

    def distribution(self):
        loc, scale = self.parameters()
        covariance_factor = tf.linalg.LinearOperatorFullMatrix(self.rotation * scale)
        honest = tfd.MultivariateNormalLinearOperator(tf.linalg.matvec(self.rotation, loc), covariance_factor)

        def log_prob(z):
            noise = (tf.linalg.matvec(self.rotation, z, transpose_a=True) - loc) / scale
            return tf.reduce_sum(-0.5 * noise**2 - HALF_LOG_2_PI - tf.math.log(scale), axis=-1)

        return Patched(honest, log_prob=log_prob)


# Numbers


class DoublePrecision(Prior):
    """A variable made from a numpy array makes everything float64."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.loc = tf.Variable(np.zeros(latent_dim))

    def distribution(self):
        return tfd.MultivariateNormalDiag(tf.convert_to_tensor(self.loc), tf.ones_like(self.loc))


class NaiveLogSumExp(_Mixture):
    """The mixture is the log of a sum of exponentials, which far away is the log of zero."""

    def distribution(self):
        loc, scale = self.parameters()

        def log_prob(z):
            each = tf.exp(tfd.MultivariateNormalDiag(loc, scale).log_prob(z[..., None, :]))
            return tf.math.log(tf.reduce_sum(tf.nn.softmax(self.logits.value) * each, axis=-1))

        return Patched(self.honest(), log_prob=log_prob)


class NaiveLogistic(_Normal):
    """The logistic density is written with exponentials that overflow far away."""

    def distribution(self):
        loc, scale = self.parameters()
        honest = tfd.Independent(tfd.Logistic(loc, scale), reinterpreted_batch_ndims=1)

        def log_prob(z):
            e = tf.exp(-(z - loc) / scale)
            return tf.reduce_sum(tf.math.log(e / (scale * (1 + e) ** 2)), axis=-1)

        return Patched(honest, log_prob=log_prob)


class NoGradientFarAway(_Normal):
    """A tf.where mends the density far away, but not its gradient, which is NaN there."""

    def distribution(self):
        loc, scale = self.parameters()

        def log_prob(z):
            noise = (z - loc) / scale
            near = tf.math.log(tf.exp(-0.5 * noise**2))
            shape = tf.where(tf.abs(noise) < 8, near, -0.5 * noise**2)
            return tf.reduce_sum(shape - HALF_LOG_2_PI - tf.math.log(scale), axis=-1)

        return Patched(self.honest(), log_prob=log_prob)


# Seeds, graphs, promises


class SeedIgnored(_Normal):
    """The sampler ignores its seed and draws from the global random state."""

    def distribution(self):
        loc, scale = self.parameters()
        noise = lambda n: tf.random.normal(tf.stack([n, self.latent_dim]))  # noqa: E731
        return Patched(self.honest(), sample=lambda n, seed: loc + scale * noise(n))


class SeedFixed(_Normal):
    """The sampler has a seed of its own: every draw is the same."""

    def distribution(self):
        honest = self.honest()
        return Patched(honest, sample=lambda n, seed: honest.sample(n, seed=tf.constant([42, 0])))


class CallsCounted(_Normal):
    """The scale shrinks with a count of the calls kept in Python, which a graph freezes."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.calls = 0

    def distribution(self):
        self.calls += 1
        loc, scale = self.parameters()
        return tfd.MultivariateNormalDiag(loc, scale * (1 + 1 / self.calls))


class ScaleCached(_Normal):
    """The scale is computed in the first call and kept, so that learning does not reach it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.scale = None

    def distribution(self):
        if self.scale is None:
            self.scale = self.parameters()[1]
        return tfd.MultivariateNormalDiag(self.parameters()[0], self.scale)


class DrawnWhenTraced(_Normal):
    """Random features are drawn by numpy in each call, which is once only in a graph."""

    def distribution(self):
        loc, scale = self.parameters()
        jitter = np.random.default_rng().normal(size=self.latent_dim).astype(np.float32)
        return tfd.MultivariateNormalDiag(loc + 0.1 * jitter, scale)


class NotReparameterized(_Mixture):
    """It promises reparameterized samples, and a mixture's do not carry gradients."""

    promises: ClassVar[Promises] = Promises(tags=("reparameterized",))

    def distribution(self):
        return self.honest()


class NotCompiled(_Normal):
    """It promises to compile with XLA, and its sampler is written in numpy."""

    promises: ClassVar[Promises] = Promises(tags=("xla",))

    def distribution(self):
        loc, scale = self.parameters()

        def draw(n, seed):
            return (
                np.random.default_rng(seed.astype(np.uint32)).normal(size=(n, self.latent_dim)).astype(np.float32)
            )

        def sample(n, seed):
            noise = tf.ensure_shape(tf.numpy_function(draw, [n, seed], tf.float32), (None, self.latent_dim))
            return loc + scale * noise

        return Patched(self.honest(), sample=sample)


# Parameters


class OptionsSwallowed(_Mixture):
    """Any keyword is swallowed, so that a misspelt parameter changes nothing and says nothing."""

    def __init__(self, latent_dim: Positive, **options: Any) -> None:
        super().__init__(latent_dim, options.get("components", 4))

    def distribution(self):
        return self.honest()


class TwoComponentsNeeded(Prior):
    """It takes one component or more, and divides by zero with one."""

    def __init__(self, latent_dim: Positive, components: Annotated[int, Ge(1)] = 4) -> None:
        super().__init__()
        line = [2 * k / (components - 1) - 1 for k in range(components)]
        start = np.repeat(np.array(line, np.float32)[:, None], latent_dim, axis=1)
        self.loc = tf.Variable(start)

    def distribution(self):
        equal = tfd.Categorical(logits=tf.zeros(self.loc.shape[0]))
        return tfd.MixtureSameFamily(equal, tfd.MultivariateNormalDiag(self.loc + 0.0, tf.ones_like(self.loc)))


class ChoiceNotImplemented(_Normal):
    """One of the choices that it offers is not implemented."""

    def __init__(self, latent_dim: Positive, tails: Literal["normal", "laplace", "student_t"] = "normal") -> None:
        super().__init__(latent_dim)
        self.tails = tails

    def distribution(self):
        family = {"normal": tfd.Normal, "laplace": tfd.Laplace}[self.tails]
        return tfd.Independent(family(*self.parameters()), reinterpreted_batch_ndims=1)


class BoundIncluded(_Normal):
    """It takes zero degrees of freedom, with which its density is not a number."""

    def __init__(self, latent_dim: Positive, df: Annotated[float, Ge(0)] = 4.0) -> None:
        super().__init__(latent_dim)
        self.df = df

    def distribution(self):
        return tfd.Independent(tfd.StudentT(self.df, *self.parameters()), reinterpreted_batch_ndims=1)


# Supports


class PositiveDeclaredReal(_Normal):
    """It declares all numbers, and has density for positive ones only."""

    def distribution(self):
        return tfd.Independent(tfd.LogNormal(*self.parameters()), reinterpreted_batch_ndims=1)


class NoLogDetOfExp(_Normal):
    """The density of exp(u) is that of u: the log-determinant of exp is missing."""

    support: Support = Values(0)

    def distribution(self):
        honest = tfd.Independent(tfd.LogNormal(*self.parameters()), reinterpreted_batch_ndims=1)
        return Patched(honest, log_prob=lambda z: self.honest().log_prob(tf.math.log(z)))


def _at_least_two(latent_dim):
    if latent_dim < 2:
        raise ConfigError(f"expected latent_dim >= 2; got {latent_dim}.", parameter="latent_dim")
    return latent_dim


class SphereWithoutItsArea(Prior):
    """The uniform density on the sphere is 1, instead of 1 over its area."""

    support: Support = SPHERE

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = _at_least_two(latent_dim)

    def distribution(self):
        return Patched(tfd.SphericalUniform(self.latent_dim), log_prob=lambda z: tf.zeros_like(z[..., 0]))


class OffTheSphere(Prior):
    """Samples are divided by the square root of D instead of their length, so they are near the sphere only."""

    support: Support = SPHERE

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = _at_least_two(latent_dim)

    def distribution(self):
        def sample(n, seed):
            return normal_noise(n, self.latent_dim, seed) / self.latent_dim**0.5

        return Patched(tfd.SphericalUniform(self.latent_dim), sample=sample)


class DirichletWithoutItsConstant(Prior):
    """The Dirichlet density lacks its normaliser, the Beta function."""

    support: Support = SIMPLEX

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = _at_least_two(latent_dim)
        start = keras.initializers.Constant(raw_scale(2.0))
        self.raw = self.add_weight(shape=(latent_dim,), initializer=start, name="raw")

    def distribution(self):
        concentration = softplus_scale(self.raw.value)

        def log_prob(z):
            return tf.reduce_sum(tf.math.xlogy(concentration - 1, z), axis=-1)

        return Patched(tfd.Dirichlet(concentration), log_prob=log_prob)


class ScaleStopped(_Normal):
    """The scale is stopped in one of its two places: the density is right, and its gradient is that of another."""

    def distribution(self):
        loc, scale = self.parameters()

        def log_prob(z):
            u = (z - loc) / tf.stop_gradient(scale)
            return tf.reduce_sum(-0.5 * u**2 - HALF_LOG_2_PI - tf.math.log(scale), axis=-1)

        return Patched(self.honest(), log_prob=log_prob)


class _LaplaceWithin(tfd.MultivariateNormalDiag):
    """Draws and weighs as a Laplace distribution, and has the rest from its base class."""

    def _laplace(self):
        return tfd.Independent(tfd.Laplace(self.loc, self.scale.diag), reinterpreted_batch_ndims=1)

    def _sample_n(self, n, seed=None):
        return self._laplace().sample(n, seed=seed)

    def _log_prob(self, value):
        return self._laplace().log_prob(value)

    def _sample_and_log_prob(self, sample_shape, seed):
        z = self._laplace().sample(sample_shape, seed=seed)
        return z, self._laplace().log_prob(z)


class InheritedDivergence(_Normal):
    """It derives from a normal to draw from another distribution, and inherits the normal's KL in closed form."""

    def distribution(self):
        return _LaplaceWithin(*self.parameters())


class StartedByTheFirstBatch(_Normal):
    """Its location is set by the first points that it is asked about, as an ActNorm's, under a flag not saved."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.started = False

    def distribution(self):
        honest = self.honest()

        def log_prob(z):
            if not self.started:
                self.started = True
                self.loc.assign(tf.reduce_mean(tf.reshape(z, (-1, self.latent_dim)), axis=0))
            return self.honest().log_prob(z)

        return Patched(honest, log_prob=log_prob)


class ScaleOfTheExamplesNotSaved(_Normal):
    """Its scale is multiplied by that of the training data, kept as a number and not saved."""

    def __init__(self, latent_dim: Positive, examples: Any) -> None:
        super().__init__(latent_dim)
        self.spread = 1.0 + float(np.std(examples))

    def distribution(self):
        loc, scale = self.parameters()
        return tfd.MultivariateNormalDiag(loc, self.spread * scale)


# A part of the noise that does not follow the seed


class ComponentsDrawnWithOneSeed(_Mixture):
    """The component of a mixture is drawn with a constant seed; the rest follows the one that is given."""

    def distribution(self):
        loc, scale = self.parameters()

        def sample(n, seed):
            part = tf.random.stateless_categorical(self.logits.value[None], n, [3, 5])[0]  # [n]
            return tf.gather(loc, part) + tf.gather(scale, part) * normal_noise(n, self.latent_dim, seed)

        return Patched(self.honest(), sample)


class FirstDimensionOfOneSeed(_Normal):
    """The noise of the first dimension has a constant seed."""

    def distribution(self):
        loc, scale = self.parameters()

        def sample(n, seed):
            first, rest = normal_noise(n, 1, [3, 5]), normal_noise(n, self.latent_dim - 1, seed)
            return loc + scale * tf.concat([first, rest], axis=-1)

        return Patched(self.honest(), sample)


class ScaleDrawnWithOneSeed(_Normal):
    """A Student's t as a scale mixture of normals, of which the scales are drawn with a constant seed."""

    def distribution(self):
        loc, scale = self.parameters()
        honest = tfd.Independent(tfd.StudentT(4.0, loc, scale), reinterpreted_batch_ndims=1)

        def sample(n, seed):
            precision = tf.random.stateless_gamma((n, self.latent_dim), [3, 5], 2.0, 2.0)
            return loc + scale * normal_noise(n, self.latent_dim, seed) / tf.sqrt(precision)

        return Patched(honest, sample)


class HalfOfTheSeed(_Normal):
    """Only the first number of the seed is used for the last dimension."""

    def distribution(self):
        loc, scale = self.parameters()

        def sample(n, seed):
            last, rest = normal_noise(n, 1, tf.stack([seed[0], 7])), normal_noise(n, self.latent_dim - 1, seed)
            return loc + scale * tf.concat([rest, last], axis=-1)

        return Patched(self.honest(), sample)


# Conditions


class _Conditional(Prior):
    """A normal whose mean is an affine function of the condition, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive, condition_dim: Positive) -> None:
        super().__init__()
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(shape=(condition_dim, latent_dim), initializer=start, name="kernel")
        self.bias = self.add_weight(shape=(latent_dim,), initializer="zeros", name="bias")

    def normal(self, condition):
        loc = tf.linalg.matvec(self.kernel.value, condition, transpose_a=True) + self.bias.value
        return tfd.MultivariateNormalDiag(loc, tf.ones_like(loc))


class ConditionIgnored(Prior):
    """It takes the condition and uses its shape only."""

    def __init__(self, latent_dim: Positive, condition_dim: Positive) -> None:
        super().__init__()
        self.loc = self.add_weight(shape=(latent_dim,), initializer="zeros", name="loc")

    def distribution(self, condition):
        loc = tf.zeros_like(condition[..., :1]) + self.loc.value
        return tfd.MultivariateNormalDiag(loc, tf.ones_like(loc))


class ConditionsShuffled(_Conditional):
    """Each row gets the condition of another one: they are in reverse order."""

    def distribution(self, condition):
        return self.normal(tf.reverse(condition, [0]) if len(condition.shape) > 1 else condition)


class ConditionsAveraged(_Conditional):
    """Half of a condition is the mean of all conditions of the batch."""

    def distribution(self, condition):
        if len(condition.shape) > 1:
            condition = 0.5 * (condition + tf.reduce_mean(condition, axis=0, keepdims=True))
        return self.normal(condition)


class LastConditionDropped(_Conditional):
    """A slice that is off by one leaves out the last number of the condition."""

    def distribution(self, condition):
        kept = condition * tf.concat([tf.ones(condition.shape[-1] - 1), [0.0]], axis=0)
        return self.normal(kept)


class ConditionAskedForAndNotTaken(Prior):
    """It asks for the size of the condition, and its method takes none."""

    def __init__(self, latent_dim: Positive, condition_dim: Positive) -> None:
        super().__init__()
        self.condition_dim = 0
        self.loc = self.add_weight(shape=(latent_dim,), initializer="zeros", name="loc")

    def distribution(self):
        return tfd.MultivariateNormalDiag(self.loc.value, tf.ones_like(self.loc.value))


class ConditionTakenUnasked(Prior):
    """It takes a condition of two numbers, and asks for no size: a model calls it without one."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.loc = self.add_weight(shape=(latent_dim,), initializer="zeros", name="loc")

    def distribution(self, condition):
        loc = self.loc.value + condition[..., :1] - condition[..., 1:2]
        return tfd.MultivariateNormalDiag(loc, tf.ones_like(loc))


class ComponentsIgnored(_Mixture):
    """The number of its components is taken, and is always four."""

    def __init__(self, latent_dim: Positive, components: Positive = 4) -> None:
        super().__init__(latent_dim)

    def distribution(self):
        return self.honest()


class _InBlocks(Prior):
    """p(z2) p(z1|z2), both diagonal normals, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive) -> None:
        if latent_dim < 2:
            raise ConfigError(f"expected latent_dim >= 2; got {latent_dim}.", parameter="latent_dim")
        super().__init__()
        self.above_dim, self.below_dim = latent_dim // 2, latent_dim - latent_dim // 2
        self.loc = self.add_weight(shape=(self.above_dim,), initializer=_spread(), name="loc")
        self.slope = self.add_weight(shape=(self.above_dim, self.below_dim), initializer=_spread(), name="slope")

    def above(self):
        return tfd.MultivariateNormalDiag(self.loc.value, tf.ones(self.above_dim))

    def below(self, z2):
        loc = tf.linalg.matvec(self.slope.value, z2, transpose_a=True)
        return tfd.MultivariateNormalDiag(loc, 0.5 * tf.ones_like(loc))

    def honest(self):
        return Hierarchy(self.above(), self.below, self.below_dim)


class ConditionedOnTheWrongBlock(_InBlocks):
    """The density of the lower block is that given itself, in place of that given the upper one."""

    def distribution(self):
        def log_prob(z):
            above, lowest = z[..., : self.above_dim], z[..., self.above_dim :]
            return self.above().log_prob(above) + self.below(lowest[..., : self.above_dim]).log_prob(lowest)

        return Patched(self.honest(), log_prob=log_prob)


class UpperBlockIgnored(_InBlocks):
    """The lower block does not depend on the upper one: a constant location takes the place of its slope."""

    promises: ClassVar[Promises] = Promises(tags=("hierarchy",))

    def distribution(self):
        def below(z2):
            loc = tf.reduce_sum(self.slope.value, axis=0) + tf.zeros_like(z2[..., :1])
            return tfd.MultivariateNormalDiag(loc, 0.5 * tf.ones_like(loc))

        return Hierarchy(self.above(), below, self.below_dim)


class BlocksInAnotherOrder(_InBlocks):
    """Samples have the lowest block first, where the density has the top first."""

    def distribution(self):
        honest = self.honest()
        return Patched(
            honest, sample=lambda n, seed: tf.roll(honest.sample(n, seed=seed), self.below_dim, axis=-1)
        )


class _Exemplar(Exemplar):
    """As it is, with a place for a mistake in the log weights of the exemplars."""

    def log_weights(self, rows):
        """[B, K]."""

    def distribution(self, rows=None):
        if rows is None:
            return super().distribution()
        means = self.encoder.posterior(tf.convert_to_tensor(self.exemplars.value)).mean()
        return mixture(self.log_weights(rows), means, softplus_scale(self.raw_scale.value))


class NoExampleLeftOut(_Exemplar):
    """It takes the rows of training examples, and leaves none out."""

    def log_weights(self, rows):
        return tf.nn.log_softmax(tf.zeros((len(rows), self.rows.shape[0])))


class PlaceForRow(_Exemplar):
    """It takes the place of an exemplar among the exemplars for its row in the training data."""

    def log_weights(self, rows):
        left_out = rows[:, None] == tf.range(self.rows.shape[0], dtype=tf.int64)
        return tf.nn.log_softmax(tf.where(left_out, -np.inf, 0.0))


class NextExampleLeftOut(_Exemplar):
    """It leaves out the example after the one that is meant."""

    def log_weights(self, rows):
        return tf.nn.log_softmax(tf.where(rows[:, None] + 1 == self.rows.value, -np.inf, 0.0))


class LeftOutWithoutRenormalizing(_Exemplar):
    """The mean over the K - 1 exemplars that are not left out is a sum divided by K."""

    def log_weights(self, rows):
        return tf.where(rows[:, None] == self.rows.value, -np.inf, -log(self.rows.shape[0]))


class SamplesOfWhatIsLeftOut(Exemplar):
    """The density leaves an example out, and the samples are of all of them."""

    def distribution(self, rows=None):
        p, whole = super().distribution(rows), super().distribution()
        if rows is None:
            return p
        return Patched(p, sample=lambda n, seed: tf.repeat(whole.sample(n, seed=seed)[:, None], len(rows), axis=1))

"""Distributions of latents, with learned parameters: on all numbers, intervals, the simplex and the sphere."""

from typing import Annotated, ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import SIMPLEX, SPHERE, UNIT, Positive, Prior, Promises, Support, Values
from probvae.errors import ConfigError

tfb = tfp.bijectors
tfd = tfp.distributions


def independent(elements):
    """[D], [] -> [], [D]."""
    return tfd.Independent(elements, reinterpreted_batch_ndims=1)


class _Parametric(Prior):
    """Locations and scales, of any shape that ends in [D]."""

    def add_parameters(self, shape):
        self.loc = self.add_weight(
            shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0), name="loc"
        )
        self.raw_scale = self.add_positive("raw_scale", shape)

    def add_positive(self, name, shape, start=1.0):
        initializer = keras.initializers.Constant(raw_scale(start))
        return self.add_weight(shape=shape, initializer=initializer, name=name)

    def parameters(self):
        return tf.convert_to_tensor(self.loc.value), softplus_scale(self.raw_scale.value)


class _Triangular(_Parametric):
    """Locations and lower triangular factors."""

    def add_parameters(self, shape):
        small, size = keras.initializers.RandomNormal(stddev=0.3), shape[-1] * (shape[-1] + 1) // 2
        self.loc = self.add_weight(
            shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0), name="loc"
        )
        self.raw_factor = self.add_weight(shape=(*shape[:-1], size), initializer=small, name="raw_factor")

    def parameters(self):
        triangle = tfp.math.fill_triangular(self.raw_factor.value)
        diagonal = softplus_scale(tf.linalg.diag_part(triangle), 0.1)
        return tf.convert_to_tensor(self.loc.value), tf.linalg.set_diag(triangle, diagonal)


class _One(_Parametric):
    """One distribution."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.add_parameters((latent_dim,))


class _Mixture(_Parametric):
    """K distributions and their weights."""

    def __init__(self, latent_dim: Positive, components: Positive = 3) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.logits = self.add_weight(
            shape=(components,), initializer="zeros", name="logits", trainable=components > 1
        )
        self.add_parameters((components, latent_dim))

    def mixture(self, components, **options):
        return tfd.MixtureSameFamily(tfd.Categorical(logits=self.logits.value), components, **options)


# Independent elements, on all numbers


class Normal(_One):
    def distribution(self):
        return independent(tfd.Normal(*self.parameters()))


class Laplace(_One):
    def distribution(self):
        return independent(tfd.Laplace(*self.parameters()))


class Logistic(_One):
    def distribution(self):
        return independent(tfd.Logistic(*self.parameters()))


class Gumbel(_One):
    promises: ClassVar[Promises] = Promises(
        expected_failures={"finite": "100 scales below its location, the exponential of 100 is beyond float32."}
    )

    def distribution(self):
        return independent(tfd.Gumbel(*self.parameters()))


class Cauchy(_One):
    def distribution(self):
        return independent(tfd.Cauchy(*self.parameters()))


class StudentT(_One):
    def __init__(self, latent_dim: Positive, df: Annotated[float, Ge(1), Le(100)] = 3.0) -> None:
        super().__init__(latent_dim)
        self.df = df

    def distribution(self):
        return independent(tfd.StudentT(self.df, *self.parameters()))


class GeneralizedNormal(_One):
    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.raw_power = self.add_weight(shape=(latent_dim,), initializer="zeros", name="raw_power")

    def distribution(self):
        power = 1.0 + 2.0 * tf.sigmoid(self.raw_power.value)
        return independent(tfd.GeneralizedNormal(*self.parameters(), power))


class Johnson(_One):
    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.skewness = self.add_weight(shape=(latent_dim,), initializer="zeros", name="skewness")
        self.raw_tail = self.add_positive("raw_tail", (latent_dim,))

    def distribution(self):
        tail = 0.5 + softplus_scale(self.raw_tail.value)
        return independent(tfd.JohnsonSU(tf.convert_to_tensor(self.skewness.value), tail, *self.parameters()))


class SinhArcsinh(_One):
    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.skewness = self.add_weight(shape=(latent_dim,), initializer="zeros", name="skewness")
        self.raw_tail = self.add_weight(shape=(latent_dim,), initializer="zeros", name="raw_tail")

    def distribution(self):
        tail = 0.5 + tf.sigmoid(self.raw_tail.value)
        return independent(tfd.SinhArcsinh(*self.parameters(), tf.tanh(self.skewness.value), tail))


class SampleOfNormals(_One):
    """One location and one scale for all latents."""

    def add_parameters(self, shape):
        super().add_parameters(())

    def distribution(self):
        return tfd.Sample(tfd.Normal(*self.parameters()), self.latent_dim)


class BroadcastNormal(_One):
    """One location and one scale for all latents, broadcast."""

    def add_parameters(self, shape):
        super().add_parameters(())

    def distribution(self):
        return independent(tfd.BatchBroadcast(tfd.Normal(*self.parameters()), [self.latent_dim]))


# Dependent elements


class FullCovarianceNormal(_Triangular, _One):
    def distribution(self):
        return tfd.MultivariateNormalTriL(*self.parameters())


class PrecisionNormal(_Triangular, _One):
    """The factor is that of the precision."""

    def distribution(self):
        loc, factor = self.parameters()
        operator = tf.linalg.LinearOperatorLowerTriangular(factor)
        return tfp.experimental.distributions.MultivariateNormalPrecisionFactorLinearOperator(loc, operator)


class MultivariateStudentT(_Triangular, _One):
    def __init__(self, latent_dim: Positive, df: Annotated[float, Ge(1), Le(100)] = 3.0) -> None:
        super().__init__(latent_dim)
        self.df = df

    def distribution(self):
        loc, factor = self.parameters()
        return tfd.MultivariateStudentTLinearOperator(
            self.df, loc, tf.linalg.LinearOperatorLowerTriangular(factor)
        )


class LowRankNormal(_One):
    def __init__(self, latent_dim: Positive, rank: Positive = 2) -> None:
        super().__init__(latent_dim)
        some = keras.initializers.RandomNormal(stddev=0.5)
        self.factor = self.add_weight(shape=(latent_dim, rank), initializer=some, name="factor")

    def distribution(self):
        loc, scale = self.parameters()
        factor = tf.convert_to_tensor(self.factor.value)
        return tfd.MultivariateNormalDiagPlusLowRankCovariance(loc, scale**2 + 1e-2, factor)


# Mixtures


class NormalMixture(_Mixture):
    def distribution(self):
        return self.mixture(tfd.MultivariateNormalDiag(*self.parameters()))


class FullCovarianceMixture(_Triangular, _Mixture):
    def distribution(self):
        return self.mixture(tfd.MultivariateNormalTriL(*self.parameters()))


class LaplaceMixture(_Mixture):
    def distribution(self):
        return self.mixture(independent(tfd.Laplace(*self.parameters())))


class StudentTMixture(_Mixture):
    def distribution(self):
        return self.mixture(independent(tfd.StudentT(3.0, *self.parameters())))


class ReparameterizedMixture(_Mixture):
    promises: ClassVar[Promises] = Promises(tags=("reparameterized",))

    def distribution(self):
        return self.mixture(independent(tfd.Normal(*self.parameters())), reparameterize=True)


class IndependentMixtures(_Mixture):
    """Each latent is a mixture by itself: K^D modes, with the same weights in all dimensions."""

    def distribution(self):
        loc, scale = (tf.transpose(part) for part in self.parameters())  # [D, K]
        logits = tf.broadcast_to(self.logits.value, tf.shape(loc))
        return independent(tfd.MixtureSameFamily(tfd.Categorical(logits=logits), tfd.Normal(loc, scale)))


# On intervals


class Uniform(Prior):
    support: Support = Values(-2, 3)

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def distribution(self):
        return independent(tfd.Uniform(tf.fill([self.latent_dim], -2.0), 3.0))


class TruncatedNormal(_One):
    support: Support = UNIT

    def distribution(self):
        loc, scale = self.parameters()
        return independent(tfd.TruncatedNormal(tf.sigmoid(loc), 0.1 + scale, 0.0, 1.0))


class LogNormal(_One):
    support: Support = Values(0)

    def distribution(self):
        return independent(tfd.LogNormal(*self.parameters()))


class HalfNormal(_One):
    support: Support = Values(0)

    def add_parameters(self, shape):
        self.raw_scale = self.add_positive("raw_scale", shape)

    def distribution(self):
        return independent(tfd.HalfNormal(softplus_scale(self.raw_scale.value)))


class _Shaped(_One):
    """Two positive parameters."""

    def add_parameters(self, shape):
        self.raw_first = self.add_positive("raw_first", shape, 2.0)
        self.raw_second = self.add_positive("raw_second", shape)

    def parameters(self):
        return 0.5 + softplus_scale(self.raw_first.value), 0.5 + softplus_scale(self.raw_second.value)


class Gamma(_Shaped):
    support: Support = Values(0)

    def distribution(self):
        return independent(tfd.Gamma(*self.parameters()))


class Weibull(_Shaped):
    """A power of an exponential, because TFP's own sampler answers 0 once in 2^23 draws."""

    support: Support = Values(0)

    def distribution(self):
        concentration, scale = self.parameters()
        power = tfb.Chain([tfb.Scale(scale), tfb.Power(1 / concentration)])
        return independent(tfd.TransformedDistribution(tfd.Exponential(tf.ones(self.latent_dim)), power))


class Beta(_Shaped):
    support: Support = UNIT

    def distribution(self):
        first, second = self.parameters()
        return independent(tfd.Beta(1 + first, 1 + second))


class ContinuousBernoulli(_One):
    support: Support = UNIT

    def add_parameters(self, shape):
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.logits = self.add_weight(shape=shape, initializer=start, name="logits")

    def distribution(self):
        return independent(tfd.ContinuousBernoulli(logits=tf.convert_to_tensor(self.logits.value)))


# On the simplex and the sphere


def dimensions(latent_dim, low, high):
    if not low <= latent_dim <= high:
        raise ConfigError(f"expected latent_dim from {low} to {high}; got {latent_dim}.", parameter="latent_dim")
    return latent_dim


class Dirichlet(_One):
    support: Support = SIMPLEX

    def add_parameters(self, shape):
        dimensions(self.latent_dim, 2, 100)
        self.raw = self.add_positive("raw", shape)

    def distribution(self):
        return tfd.Dirichlet(1 + softplus_scale(self.raw.value))


class _Directional(_One):
    support: Support = SPHERE
    largest: ClassVar[int] = 100

    def add_parameters(self, shape):
        dimensions(self.latent_dim, 2, self.largest)
        self.direction = self.add_weight(
            shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0), name="direction"
        )
        self.raw_concentration = self.add_positive("raw_concentration", (), 2.0)

    def parameters(self):
        direction = tf.math.l2_normalize(self.direction.value, axis=-1)
        return direction, softplus_scale(self.raw_concentration.value, 0.1)


class VonMisesFisher(_Directional):
    """TFP has it in up to five dimensions."""

    largest: ClassVar[int] = 5

    def distribution(self):
        return tfd.VonMisesFisher(*self.parameters())


class PowerSpherical(_Directional):
    def distribution(self):
        return tfd.PowerSpherical(*self.parameters())


class SphericalUniform(Prior):
    support: Support = SPHERE

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = dimensions(latent_dim, 2, 100)

    def distribution(self):
        return tfd.SphericalUniform(self.latent_dim)


class ByClass(Prior):
    """A learned mean for each class, or an affine function of numbers."""

    def __init__(self, latent_dim: Positive, condition_dim: Positive) -> None:
        super().__init__()
        self.means = tf.Variable(tf.random.normal([condition_dim, latent_dim]))

    def distribution(self, condition):
        loc = tf.linalg.matvec(self.means, condition, transpose_a=True)
        return tfd.MultivariateNormalDiag(loc, tf.ones_like(loc))


class ScaledByTheCondition(Prior):
    """With or without a condition: a normal around zero, whose scale may depend on it."""

    def __init__(self, latent_dim: Positive, condition_dim: Positive | None = None) -> None:
        super().__init__()
        self.log_scale = tf.Variable(tf.zeros(latent_dim))
        if condition_dim:
            self.kernel = tf.Variable(0.1 * tf.random.normal([condition_dim, latent_dim]))

    def distribution(self, condition=None):
        log_scale = tf.convert_to_tensor(self.log_scale)
        if condition is not None:
            log_scale += tf.tanh(tf.linalg.matvec(self.kernel, condition, transpose_a=True))
        return tfd.MultivariateNormalDiag(tf.zeros_like(log_scale), tf.exp(tf.clip_by_value(log_scale, -6.0, 6.0)))

"""Wrong posterior heads."""

from typing import ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.bijectors.triangular import Transformed
from probvae.components.posteriors.concrete import ConcretePosterior
from probvae.components.posteriors.flow import FlowPosterior
from probvae.components.posteriors.mixture import MixturePosterior, StratifiedMixture
from probvae.components.scales import softplus_scale
from probvae.core import (
    SPHERE,
    CustomDistribution,
    Hierarchy,
    Positive,
    PosteriorHead,
    Promises,
    Support,
    normal_noise,
    uniform_noise,
)
from probvae.errors import ConfigError

from .distributions import Patched, noise_shared_by_rows

tfd = tfp.distributions


class _Normal(PosteriorHead):
    """A diagonal normal, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.output_shape = (2 * latent_dim,)

    def honest(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class PointStopped(_Normal):
    """The location is cut from the gradient of the density to the point at which it is taken."""

    def posterior(self, outputs):
        q = self.honest(outputs)
        return Patched(q, log_prob=lambda z: q.log_prob(tf.stop_gradient(z)) + 0.0 * tf.reduce_sum(z, axis=-1))


class DrawsReshaped(_Normal):
    """Draws [B, n, D] are reshaped, and not transposed, to [n, B, D]."""

    def posterior(self, outputs):
        q = self.honest(outputs)

        def sample(n, seed):
            z = q.sample(n, seed=seed)  # [n, ..., D]
            last = z.shape.rank - 2
            together = tf.transpose(z, [*range(1, last + 1), 0, last + 1])
            return tf.ensure_shape(tf.reshape(together, tf.shape(z)), z.shape)

        return Patched(q, sample)


class DrawsOfTheNextRow(_Normal):
    """Each row has the draws of the next one."""

    def posterior(self, outputs):
        q = self.honest(outputs)
        return Patched(q, lambda n, seed: _next_row(q.sample(n, seed=seed)))


class MeanOfTheNextRow(_Normal):
    """Each row has the mean of the next one."""

    def posterior(self, outputs):
        q = self.honest(outputs)
        return Patched(q, mean=lambda: _next_row(q.mean()))


def _next_row(answers):
    return tf.roll(answers, 1, axis=-2)


class HalfUnused(_Normal):
    """Location and scale are both read from the first half of the outputs."""

    def posterior(self, outputs):
        loc, raw = outputs[..., : self.latent_dim], outputs[..., : self.latent_dim]
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class LastScaleUnused(_Normal):
    """A slice off by one reads the scales one place too early, and the last output is never read."""

    def posterior(self, outputs):
        loc, raw = outputs[..., : self.latent_dim], outputs[..., self.latent_dim - 1 : -1]
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class NoFloor(_Normal):
    """The scale has no floor, so an output of -120 makes the density NaN."""

    def posterior(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc, tf.nn.softplus(raw))


class NoGradientThroughSamples(_Normal):
    """Samples carry no gradient to the outputs."""

    def posterior(self, outputs):
        honest = self.honest(outputs)
        return Patched(honest, sample=lambda n, seed: tf.stop_gradient(honest.sample(n, seed=seed)))


class NoGradientToTheWeights(_Normal):
    """A mixture of two normals whose samples carry no gradient to the weights, as they are not reparameterized."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.output_shape = (2 + 4 * latent_dim,)

    def posterior(self, outputs):
        normals = tf.stack(tf.split(outputs[..., 2:], 2, axis=-1), axis=-2)  # [B, 2, 2 D]
        return tfd.MixtureSameFamily(tfd.Categorical(logits=outputs[..., :2]), self.honest(normals))


class LogVarianceAsLogScale(_Normal):
    """Samples are spread by exp(log-variance), where the density has exp(0.5 log-variance)."""

    def posterior(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        log_variance = tf.clip_by_value(raw, -9, 9)
        sampled = tfd.MultivariateNormalDiag(loc, tf.exp(log_variance))
        dense = tfd.MultivariateNormalDiag(loc, tf.exp(0.5 * log_variance))
        return Patched(dense, sample=lambda n, seed: sampled.sample(n, seed=seed))


class ScaleSharedOverTheBatch(_Normal):
    """The scale is averaged over the batch."""

    def posterior(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        shared = tf.zeros_like(raw) + tf.reduce_mean(raw, axis=0)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(shared))


class TooFewOutputs(_Normal):
    """It asks the network for one number per latent and reads two."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.output_shape = (latent_dim,)

    def posterior(self, outputs):
        return self.honest(outputs)


class SphereDeclared(_Normal):
    """It declares the sphere, where only its locations lie, not its samples."""

    support: Support = SPHERE

    def __init__(self, latent_dim: Positive) -> None:
        if latent_dim < 2:
            raise ConfigError(f"expected latent_dim >= 2; got {latent_dim}.", parameter="latent_dim")
        super().__init__(latent_dim)

    def posterior(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        loc = loc / (tf.norm(loc, axis=-1, keepdims=True) + 1e-6)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))


class VariableNeverUsed(_Normal):
    """It has a learned temperature, and forgets to multiply by it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.temperature = self.add_weight(shape=(), initializer="ones", name="temperature")

    def posterior(self, outputs):
        return self.honest(outputs)


class NoiseSharedByRows(_Normal):
    """Its noise has no batch axis: all examples of a batch get the same."""

    def posterior(self, outputs):
        return noise_shared_by_rows(self.honest(outputs))


class _WithItsOwnDivergence(tfd.MultivariateNormalDiag):
    """A normal for which a KL is registered below."""


@tfd.RegisterKL(_WithItsOwnDivergence, tfd.MultivariateNormalDiag)
def _divergence(q, p, name=None):
    """The KL of two normals, but for a square that is missing."""
    scale, other = q.stddev(), p.stddev()
    square = (scale + (q.mean() - p.mean()) ** 2) / (2 * other**2)
    return tf.reduce_sum(tf.math.log(other / scale) + square - 0.5, axis=-1)


class OwnDivergence(_Normal):
    """The KL that it registers has the standard deviation where the variance should be."""

    def posterior(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return _WithItsOwnDivergence(loc, softplus_scale(raw))


class OwnSoftplus(_Normal):
    """A softplus by tf.where: the branch that is not taken overflows, and makes the gradient NaN."""

    def posterior(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc, tf.where(raw > 20.0, raw, tf.math.log(1 + tf.exp(raw))) + 1e-4)


class MeanOfTheOutputs(_Normal):
    """Its mean is the raw outputs, where samples are spread around their tanh."""

    def posterior(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)
        return Patched(
            tfd.MultivariateNormalDiag(tf.tanh(loc), softplus_scale(raw)), mean=lambda: tf.identity(loc)
        )


class RejectionDifferentiated(PosteriorHead):
    """A von Mises-Fisher distribution drawn by rejection and differentiated straight through it.

    What is accepted depends on the concentration, which the gradient leaves out; TFP's says that it is not
    reparameterized, but for D = 3.
    """

    support: Support = SPHERE

    def __init__(self, latent_dim: Positive) -> None:
        if latent_dim not in (2, 4, 5):
            raise ConfigError(f"expected latent_dim 2, 4 or 5; got {latent_dim}.", parameter="latent_dim")
        super().__init__()
        self.output_shape = (latent_dim + 1,)

    def posterior(self, outputs):
        mean_direction = tf.math.l2_normalize(outputs[..., :-1], axis=-1, epsilon=1e-12)
        return tfd.VonMisesFisher(mean_direction, tf.exp(tf.clip_by_value(outputs[..., -1], -3.0, 4.0)))


class FirstLocationCopied(_Normal):
    """It asks for one location, and gives it to all latents."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.output_shape = (2,)

    def posterior(self, outputs):
        loc, raw = tf.split(outputs, 2, axis=-1)  # [B, 1] each
        ones = tf.ones([self.latent_dim])
        return tfd.MultivariateNormalDiag(loc * ones, softplus_scale(raw) * ones)


class _InBlocks(PosteriorHead):
    """q(z2|x) q(z1|x, z2), both diagonal normals, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive) -> None:
        if latent_dim < 2:
            raise ConfigError(f"expected latent_dim >= 2; got {latent_dim}.", parameter="latent_dim")
        super().__init__()
        self.above_dim, self.below_dim = latent_dim // 2, latent_dim - latent_dim // 2
        self.output_shape = (2 * latent_dim,)
        shape = (self.above_dim, self.below_dim)
        self.slope = self.add_weight(shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0))

    def above(self, outputs):
        loc, raw = tf.split(outputs[..., : 2 * self.above_dim], 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc, softplus_scale(raw))

    def below(self, outputs, z2):
        loc, raw = tf.split(outputs[..., 2 * self.above_dim :], 2, axis=-1)
        return tfd.MultivariateNormalDiag(loc + tf.matmul(z2, self.slope.value), softplus_scale(raw))

    def honest(self, outputs):
        return Hierarchy(self.above(outputs), lambda z2: self.below(outputs, z2), self.below_dim)


class MeanOfTheUpperBlock(_InBlocks):
    """The lower block is drawn given the mean of the upper one, in place of its sample."""

    def posterior(self, outputs):
        above = self.above(outputs)

        def sample(n, seed):
            first, second = tfp.random.split_seed(seed)
            lower = self.below(outputs, above.mean()).sample(n, seed=second)
            return tf.concat([above.sample(n, seed=first), lower], axis=-1)

        return Patched(self.honest(outputs), sample=sample)


class DensityOfTheLowestBlock(_InBlocks):
    """The log-density is that of the lowest block given the others: that of the upper one is left out."""

    def posterior(self, outputs):
        honest = self.honest(outputs)
        return Patched(honest, log_prob=lambda z: honest.block_log_probs(z)["z1"])


class UpperBlockIgnored(_InBlocks):
    """The lower block does not depend on the upper one: zeros take its place."""

    promises: ClassVar[Promises] = Promises(tags=("hierarchy",))

    def posterior(self, outputs):
        return Hierarchy(self.above(outputs), lambda z2: self.below(outputs, tf.zeros_like(z2)), self.below_dim)


class LowestBlockAlone(_InBlocks):
    """Of three blocks, of which the upper two are right, the lowest depends on none of them."""

    promises: ClassVar[Promises] = Promises(tags=("hierarchy",))

    def __init__(self, latent_dim: Positive) -> None:
        if latent_dim < 3:
            raise ConfigError(f"expected latent_dim >= 3; got {latent_dim}.", parameter="latent_dim")
        super().__init__(latent_dim - 1)
        self.output_shape = (2 * latent_dim,)

    def posterior(self, outputs):
        loc, raw = tf.split(outputs[..., -2:], 2, axis=-1)

        def lowest(z):
            return tfd.MultivariateNormalDiag(loc + tf.zeros_like(z[..., :1]), softplus_scale(raw))

        return Hierarchy(self.honest(outputs[..., :-2]), lowest, 1)


class _Flow(FlowPosterior):
    """A flow of two couplings, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim, "realnvp", layers=2, hidden=(8,), context=3)


class FlowWithoutItsLogDeterminant(_Flow):
    """The density is that of the noise, without the log-determinant of the flow."""

    def posterior(self, outputs):
        q = super().posterior(outputs)
        return Patched(q, log_prob=lambda z: q.base.log_prob(q.bijector.inverse(z)))


class _LogDeterminantOfTheInverse(Transformed):
    def _sample_and_log_prob(self, sample_shape, seed=None):
        z, log_slopes = self.bijector.forward_with_slopes(u := self.base.sample(sample_shape, seed))
        return z, self.base.log_prob(u) + tf.reduce_sum(log_slopes, axis=-1)


class FlowLogDeterminantOfTheWrongSign(_Flow):
    """The density that comes with a sample has the log-determinant with the sign of the inverse."""

    def posterior(self, outputs):
        q = super().posterior(outputs)
        return _LogDeterminantOfTheInverse(q.base, q.bijector)


class FlowContextOfTheFirstRow(_Flow):
    """Its context is that of the first row of the batch, for all rows."""

    def posterior(self, outputs):
        own, context = outputs[..., :-3], outputs[..., -3:]
        return super().posterior(tf.concat([own, context[:1] + tf.zeros_like(context)], axis=-1))


class FlowContextUnused(_Flow):
    """It asks for a context, and all its maps read zeros instead."""

    def posterior(self, outputs):
        return super().posterior(tf.concat([outputs[..., :-3], tf.zeros_like(outputs[..., -3:])], axis=-1))


class _Mixture(MixturePosterior):
    """A mixture of two, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim, 2)


class _FromTheFirst(StratifiedMixture):
    def _call_sample_n(self, sample_shape, seed, **_):
        noise = normal_noise(tf.concat([sample_shape, tf.shape(self.mean())], axis=0), seed)
        places = tf.range(tf.size(noise[..., 0]) // tf.size(self.mean()[..., 0]))  # [S]
        odd = tf.cast(
            tf.reshape(places % 2, tf.concat([sample_shape, tf.ones_like(tf.shape(self.mean()))], 0)), tf.bool
        )
        parts = self.components_distribution
        loc, scale = (tf.where(odd, part[..., 1, :], part[..., 0, :]) for part in (parts.mean(), parts.stddev()))
        return loc + scale * noise


class MixtureFromTheFirstComponent(_Mixture):
    """The first sample of each row is from the first component: spread evenly, without a random offset."""

    def posterior(self, outputs):
        q = super().posterior(outputs)
        return _FromTheFirst(q.mixture_distribution, q.components_distribution, True)


class _DensityOfTheDrawn(StratifiedMixture):
    def _call_sample_and_log_prob(self, sample_shape, seed, **_):
        z = self.sample(sample_shape, seed)
        each = self.components_distribution.log_prob(z[..., None, :])
        return z, tf.reduce_max(each, axis=-1)


class MixtureDensityOfTheDrawnComponent(_Mixture):
    """The density that comes with a sample is that of its component, not of the mixture."""

    def posterior(self, outputs):
        q = super().posterior(outputs)
        return _DensityOfTheDrawn(q.mixture_distribution, q.components_distribution, True)


class _Concrete(ConcretePosterior):
    """One group of categories at a low temperature, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim, temperature=0.3)


class ConcreteDensityOfTheVector(_Concrete):
    """The density is that of the relaxed one-hot vector, and the samples are its logarithms."""

    def posterior(self, outputs):
        q = super().posterior(outputs)
        return Patched(q, log_prob=lambda z: q.log_prob(z) - tf.reduce_sum(z, axis=-1))


class ConcreteWithoutItsTemperature(_Concrete):
    """The normalising constant has no power of the temperature."""

    def posterior(self, outputs):
        q = super().posterior(outputs)
        constant = (outputs.shape[-1] - 1) * tf.math.log(self.temperature)
        return Patched(q, log_prob=lambda z: q.log_prob(z) - constant)


class ConcreteNoiseOfTheWrongSign(_Concrete):
    """It draws the smallest of exponential times as the largest: its Gumbel numbers have the wrong sign."""

    def posterior(self, outputs):
        def sample(n, seed):
            u = uniform_noise(tf.concat([[n], tf.shape(outputs)], axis=0), seed)
            return tf.nn.log_softmax((outputs + tf.math.log(-tf.math.log(u))) / self.temperature)

        return Patched(super().posterior(outputs), sample=sample)


class ConcreteStraightThrough(_Concrete):
    """Samples are rounded to one-hot vectors with the gradient of the relaxed ones, whose density it states."""

    def posterior(self, outputs):
        q = super().posterior(outputs)

        def sample(n, seed):
            z = q.sample(n, seed)
            hard = tf.math.log(tf.one_hot(tf.argmax(z, axis=-1), z.shape[-1]) + 1e-6)
            return z + tf.stop_gradient(hard - tf.reduce_logsumexp(hard, axis=-1, keepdims=True) - z)

        return CustomDistribution(sample, q.log_prob, tf.shape(outputs)[:-1], outputs.shape[-1:])

"""Posterior heads beyond the normal, each reparameterized in its own way: by location and scale, by the quantile
function, by a flow, and implicitly.
"""

from typing import ClassVar

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.networks.made import MADE
from probvae.components.posteriors.mixture import StratifiedMixture
from probvae.components.scales import softplus_scale
from probvae.core import SIMPLEX, UNIT, LogSimplex, Positive, PosteriorHead, Support
from probvae.errors import ConfigError

from .priors import independent

tfd = tfp.distributions


class _Head(PosteriorHead):
    """Some numbers for each latent."""

    numbers: ClassVar[int] = 2

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.output_shape = (self.numbers * latent_dim,)

    def parameters(self, outputs):
        """The numbers, each [B, D]."""
        return tf.split(outputs, self.numbers, axis=-1)

    def elements(self, *parameters):
        raise NotImplementedError

    def posterior(self, outputs):
        return independent(self.elements(*self.parameters(outputs)))


def concentration(x):
    """Between 1.2 and 21.2: neither poles in the density nor samples at the ends."""
    return 1.2 + 20 * tf.sigmoid(x - 2)


class Laplace(_Head):
    def elements(self, loc, raw):
        return tfd.Laplace(loc, softplus_scale(raw))


class Logistic(_Head):
    def elements(self, loc, raw):
        return tfd.Logistic(loc, softplus_scale(raw))


class StudentT(_Head):
    numbers = 3

    def elements(self, loc, raw, df):
        return tfd.StudentT(1.5 + concentration(df), loc, softplus_scale(raw))


class Cauchy(_Head):
    """Without a mean or a variance."""

    def elements(self, loc, raw):
        return tfd.Cauchy(loc, softplus_scale(raw))


class StudentTOfAnyDegree(StudentT):
    """Some latents without a variance, some without a mean."""

    def elements(self, loc, raw, df):
        return tfd.StudentT(0.5 + tf.nn.softplus(df), loc, softplus_scale(raw))


class SinhArcsinh(_Head):
    numbers = 4

    def elements(self, loc, raw, skewness, tailweight):
        return tfd.SinhArcsinh(loc, softplus_scale(raw), tf.tanh(skewness), tf.exp(0.5 * tf.tanh(tailweight)))


class LogitNormal(_Head):
    support: Support = UNIT

    def elements(self, loc, raw):
        return tfd.LogitNormal(3 * tf.tanh(loc / 3), 0.1 + tf.sigmoid(raw))


class Beta(_Head):
    support: Support = UNIT

    def elements(self, one, other):
        return tfd.Beta(concentration(one), concentration(other))


class Dirichlet(_Head):
    numbers = 1
    support: Support = SIMPLEX

    def __init__(self, latent_dim: Positive) -> None:
        if latent_dim < 2:
            raise ConfigError(f"expected latent_dim >= 2; got {latent_dim}.", parameter="latent_dim")
        super().__init__(latent_dim)

    def posterior(self, outputs):
        return tfd.Dirichlet(concentration(outputs))


class MixtureOfNormals(_Head):
    """Of two, which TFP differentiates implicitly, weights included."""

    numbers = 4

    def posterior(self, outputs):
        loc, raw, other, shift = self.parameters(outputs)
        parts = tfd.Normal(tf.stack([loc, other], -2), softplus_scale(tf.stack([raw, shift], -2), 0.1))
        weights = tfd.Categorical(tf.stack([shift[..., 0], tf.zeros_like(shift[..., 0])], -1))
        return tfd.MixtureSameFamily(weights, independent(parts), reparameterize=True)


class ExpConcrete(Dirichlet):
    """Logarithms of one relaxed one-hot vector, by TFP."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.support = LogSimplex.of(latent_dim)

    def posterior(self, outputs):
        return tfd.ExpRelaxedOneHotCategorical(0.4, logits=outputs)


class StratifiedNormals(_Head):
    """Two normals far from each other, sampled in turns from a random start."""

    numbers = 4

    def posterior(self, outputs):
        loc, raw, other, shift = self.parameters(outputs)
        parts = tf.stack([loc - 3.0, other + 3.0], -2), softplus_scale(tf.stack([raw, shift], -2), 0.1)
        equal = tfd.Categorical(logits=tf.zeros_like(parts[0][..., 0]))
        return StratifiedMixture(equal, tfd.MultivariateNormalDiag(*parts), reparameterize=True)


class InverseAutoregressiveFlow(_Head):
    """By TFP's bijectors: samples in one pass, densities in D."""

    numbers = 3

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.network = MADE(latent_dim, 2, (6,), latent_dim)

    def posterior(self, outputs):
        loc, raw, context = self.parameters(outputs)

        def shift_and_log_scale(y):
            shift, log_scale = tf.unstack(self.network.parameters(y + tf.zeros_like(context), context), axis=-1)
            return tf.tanh(shift), tf.tanh(log_scale)

        flow = tfp.bijectors.Invert(tfp.bijectors.MaskedAutoregressiveFlow(shift_and_log_scale))
        return _Broadcast(tfd.MultivariateNormalDiag(loc, softplus_scale(raw)), flow)


class _Broadcast(tfd.TransformedDistribution):
    """Points get the shape of the batch first: in a graph TFP's loop over the latents keeps theirs."""

    def _log_prob(self, z):
        return super()._log_prob(z + tf.zeros_like(self.distribution.loc))

"""Tiny untrained models and their data, for figures that need a model and not a good one."""

import random

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components import Dense, DiagonalNormal, NetworkDecoder, NetworkEncoder, Normal, StandardNormal
from probvae.core import REAL, SPHERE, VAE, Data, DataInfo, LikelihoodHead, PosteriorHead, Prior, Split

tfd = tfp.distributions
tfb = tfp.bijectors


class Given(Prior):
    """A prior that is whatever a function returns."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def distribution(self):
        return self.make()


class Meanless(PosteriorHead):
    """A posterior whose mean is unknown, as a flow's is."""

    def __init__(self, latent_dim):
        super().__init__()
        self.output_shape = (latent_dim,)

    def posterior(self, outputs):
        normal = tfd.MultivariateNormalDiag(outputs, tf.ones_like(outputs))
        return tfd.TransformedDistribution(normal, tfb.SinhArcsinh(tailweight=1.2))


class Spherical(PosteriorHead):
    """A posterior on the unit sphere."""

    support = SPHERE

    def __init__(self, latent_dim):
        super().__init__()
        self.output_shape = (latent_dim,)

    def posterior(self, outputs):
        return tfd.PowerSpherical(tf.math.l2_normalize(outputs, axis=-1), tf.ones_like(outputs[..., 0]))


class Sphere(Prior):
    """The uniform prior on the unit sphere."""

    support = SPHERE

    def __init__(self, latent_dim):
        super().__init__()
        self.latent_dim = latent_dim

    def distribution(self):
        return tfd.SphericalUniform(self.latent_dim)


class Whole(LikelihoodHead):
    """Integers, by a likelihood that has no mean."""

    def __init__(self, event_shape):
        super().__init__()
        self.output_shape = tuple(event_shape)

    def likelihood(self, outputs):
        rounded = tfd.QuantizedDistribution(tfd.Normal(outputs, 3.0))
        return tfd.Independent(rounded, len(self.output_shape))


def model(event_shape, latent_dim=2, prior=None, posterior=None, likelihood=None):
    random.seed(0)  # which Keras takes the seeds of its initializers from
    head = DiagonalNormal(latent_dim) if posterior is None else posterior
    return VAE(
        NetworkEncoder(Dense(hidden=(8,)), head, event_shape),
        NetworkDecoder(Dense(hidden=(8,)), likelihood or Normal(event_shape), latent_dim),
        prior or StandardNormal(latent_dim),
    )


def split(event_shape, count=30, labels=3):
    rng = np.random.default_rng(0)
    numbers = np.arange(count) % labels if labels else None
    return Split(rng.normal(size=(count, *event_shape)).astype(np.float32), numbers)


def described(event_shape, **names):
    return DataInfo(tuple(event_shape), REAL, (30, 30, 30), "random numbers", "none", **names)


def data(event_shape, **options):
    part = split(event_shape, **options)
    return Data(described(event_shape), part, part, part)


def rows(epochs=3, **terms):
    """Rows as a trainer writes them; each term is a function of the epoch, on both sides."""
    terms = {"loss": lambda epoch: 100 / epoch, **terms}
    return [
        {"epoch": epoch, "step": 10 * epoch, "seconds": 1.0, "examples_per_second": 1.0, "learning_rate": 1e-3}
        | {f"{side}/{name}": term(epoch) for side in ("train", "validation") for name, term in terms.items()}
        for epoch in range(1, epochs + 1)
    ]

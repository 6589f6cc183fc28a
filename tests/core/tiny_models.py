"""A small VAE and data for it, and components made of whatever a test wants to hide in them."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import VAE, Component, Prior, named_variables

tfd = tfp.distributions

D, E = 2, (4,)


def binary_data(count=12):
    return (np.random.default_rng(0).random((count, *E)) > 0.5).astype(np.float32)


def encoder(latent_dim=D, event_shape=E, head=None):
    return c.NetworkEncoder(c.Dense((5,)), head or c.DiagonalNormal(latent_dim), event_shape)


def decoder(latent_dim=D, head=None):
    return c.NetworkDecoder(c.Dense((5,)), head or c.Bernoulli(E), latent_dim)


def tiny_vae(prior=None, **parts):
    return VAE(parts.get("encoder") or encoder(), parts.get("decoder") or decoder(), prior or c.StandardNormal(D))


def holder(**attributes):
    """A component with these attributes."""

    class Holder(Component):
        def __init__(self):
            super().__init__()
            for name, value in attributes.items():
                setattr(self, name, value)

    return Holder()


def normal_prior(attributes, distribution):
    """A prior with the attributes that `attributes(self)` sets, and `distribution(self)` as its method."""

    class Special(Prior):
        def __init__(self):
            super().__init__()
            attributes(self)

        def distribution(self):
            return distribution(self)

    return Special()


def around(loc):
    """A normal with unit scale around loc [D]."""
    return tfd.MultivariateNormalDiag(loc, tf.ones(D))


def names(component):
    return list(named_variables(component))

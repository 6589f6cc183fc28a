"""A small model whose evidence is known: what an objective is held against."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components import DenseDecoder, DenseEncoder, FullCovarianceNormal, Normal
from probvae.core import VAE, Distribution, Positive, Prior, Tensor
from probvae.testing.case import Case
from probvae.testing.spaces import Floats

EVENTS = ((3,), (3, 1, 1))
"""The shapes of an example: a vector, and an image of as many elements."""
NOISE = 0.7


class LearnedNormal(Prior):
    """A normal with a learned mean and a learned diagonal covariance: p(z) = N(z; loc, diag(exp(log_scale)²))."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.loc = self.add_weight(shape=(latent_dim,), initializer="zeros", name="loc")
        self.log_scale = self.add_weight(shape=(latent_dim,), initializer="zeros", name="log_scale")

    def distribution(self) -> Distribution:
        """p(z): [], [D]."""
        return tfp.distributions.MultivariateNormalDiag(self.loc.value, tf.exp(self.log_scale.value))


@dataclass(frozen=True)
class LinearGaussian:
    """p(z) = N(m, S), p(x|z) = N(W z + b, 0.7² I), q(z|x) a normal whose mean is affine in x.

    Then p(x) = N(W m + b, W S Wᵀ + 0.7² I) in closed form (factor analysis; probabilistic principal component
    analysis, Tipping and Bishop, 1999), and the exact posterior is one that q can be. The prior is no standard
    normal, or an objective that takes it for one would pass.

    Args:
        vae: the model; x is [B, *E] with three elements.
        seed: what its examples are functions of.
    """

    vae: VAE
    seed: int

    def examples(self, count: int) -> Tensor:
        """Ordinary examples [count, *E]."""
        rng = np.random.default_rng([self.seed, 5])
        return tf.constant(2.0 * rng.normal(size=(count, *self.vae.event_shape)), tf.float32)

    def log_evidence(self, x: Tensor) -> Floats:
        """Log p(x) of x [B, *E], in nats: [B]."""
        weights, bias = self._decoder()  # [D, 3], [3]
        loc, variance = self._prior()
        away = np.asarray(x, np.float64).reshape(len(x), -1) - bias - loc @ weights
        covariance = weights.T * variance @ weights + NOISE**2 * np.eye(len(bias))
        square = np.einsum("bi,ij,bj->b", away, np.linalg.inv(covariance), away)
        return np.asarray(-0.5 * (square + np.linalg.slogdet(2 * np.pi * covariance)[1]))

    def be_exact(self) -> None:
        """Make q(z|x) the exact posterior p(z|x)."""
        weights, bias = self._decoder()  # [D, 3], [3]
        loc, variance = self._prior()
        D = len(weights)
        covariance = np.linalg.inv(np.diag(1 / variance) + weights @ weights.T / NOISE**2)  # [D, D]
        gain = covariance @ weights / NOISE**2  # [D, 3]
        lower = np.linalg.cholesky(covariance)
        kernel = np.zeros((len(bias), D + D * (D + 1) // 2))
        kernel[:, :D] = gain.T
        constant = np.zeros(kernel.shape[1])
        constant[:D] = covariance @ (loc / variance) - gain @ bias
        constant[D:] = _unfilled(lower)
        last = self.vae.encoder.network.last
        last.kernel.assign(kernel)
        last.bias.assign(constant)

    def _prior(self) -> tuple[Floats, Floats]:
        """The mean and the variances of p(z), [D] each."""
        p = self.vae.prior.distribution()
        return np.asarray(p.mean(), np.float64), np.asarray(p.variance(), np.float64)

    def _decoder(self) -> tuple[Floats, Floats]:
        last = self.vae.decoder.network.last
        return np.asarray(last.kernel, np.float64), np.asarray(last.bias, np.float64)


def small_model(case: Case) -> LinearGaussian:
    """A model with random weights, a function of the case's seed."""
    keras.utils.set_random_seed(case.seed)
    D, event = case.latent_dim, EVENTS[case.seed % len(EVENTS)]
    encoder = DenseEncoder(event, FullCovarianceNormal(D), hidden=())
    decoder = DenseDecoder(D, Normal(event, "fixed", NOISE), hidden=())
    model = LinearGaussian(VAE(encoder, decoder, LearnedNormal(D)), case.seed)
    rng = np.random.default_rng([case.seed, 6])
    for variable in model.vae.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape))
    return model


def _unfilled(lower: Floats) -> Floats:
    """The outputs from which the full-covariance head makes this L: its order, its softplus, its floor undone."""
    raw = lower.copy()
    np.fill_diagonal(raw, np.log(np.expm1(np.diag(lower) - 1e-4)) - 1e-5)
    return np.asarray(tfp.math.fill_triangular_inverse(raw), np.float64)

"""A small model whose evidence is known: what an objective is held against."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from probvae.components import DenseDecoder, DenseEncoder, FullCovarianceNormal, Normal, StandardNormal
from probvae.core import VAE, Tensor
from probvae.testing.case import Case
from probvae.testing.spaces import Floats

EVENT = 3
NOISE = 0.7


@dataclass(frozen=True)
class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(W z + b, 0.7² I), q(z|x) a normal whose mean is affine in x.

    Then p(x) = N(b, W Wᵀ + 0.7² I) in closed form (probabilistic principal component analysis, Tipping and
    Bishop, 1999), and the exact posterior is one that q can be.

    Args:
        vae: the model; x is [B, 3].
        seed: what its examples are functions of.
    """

    vae: VAE
    seed: int

    def examples(self, count: int) -> Tensor:
        """Ordinary examples [count, 3]."""
        rng = np.random.default_rng([self.seed, 5])
        return tf.constant(2.0 * rng.normal(size=(count, EVENT)), tf.float32)

    def log_evidence(self, x: Tensor) -> Floats:
        """Log p(x) of x [B, 3], in nats: [B]."""
        weights, bias = self._decoder()
        away = np.asarray(x, np.float64) - bias
        covariance = weights.T @ weights + NOISE**2 * np.eye(EVENT)
        square = np.einsum("bi,ij,bj->b", away, np.linalg.inv(covariance), away)
        return np.asarray(-0.5 * (square + np.linalg.slogdet(covariance)[1] + EVENT * np.log(2 * np.pi)))

    def be_exact(self) -> None:
        """Make q(z|x) the exact posterior p(z|x)."""
        weights, bias = self._decoder()  # [D, E], [E]
        D = len(weights)
        covariance = np.linalg.inv(np.eye(D) + weights @ weights.T / NOISE**2)  # [D, D]
        gain = covariance @ weights / NOISE**2  # [D, E]
        lower = np.linalg.cholesky(covariance)
        kernel = np.zeros((EVENT, D + D * (D + 1) // 2))
        kernel[:, :D] = gain.T
        constant = np.zeros(kernel.shape[1])
        constant[:D] = -gain @ bias
        constant[D:] = _unfilled(lower)
        last = self.vae.encoder.network.last
        last.kernel.assign(kernel)
        last.bias.assign(constant)

    def _decoder(self) -> tuple[Floats, Floats]:
        last = self.vae.decoder.network.last
        return np.asarray(last.kernel, np.float64), np.asarray(last.bias, np.float64)


def small_model(case: Case) -> LinearGaussian:
    """A model with random weights, a function of the case's seed."""
    keras.utils.set_random_seed(case.seed)
    D = case.latent_dim
    encoder = DenseEncoder((EVENT,), FullCovarianceNormal(D), hidden=())
    decoder = DenseDecoder(D, Normal((EVENT,), "fixed", NOISE), hidden=())
    model = LinearGaussian(VAE(encoder, decoder, StandardNormal(D)), case.seed)
    rng = np.random.default_rng([case.seed, 6])
    for variable in model.vae.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape))
    return model


def _unfilled(lower: Floats) -> Floats:
    """The outputs from which the full-covariance head makes this L: its order, its softplus, its floor undone."""
    import tensorflow_probability as tfp

    raw = lower.copy()
    np.fill_diagonal(raw, np.log(np.expm1(np.diag(lower) - 1e-4)) - 1e-5)
    return np.asarray(tfp.math.fill_triangular_inverse(raw), np.float64)

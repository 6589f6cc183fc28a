"""A small model with a known evidence, with which objectives are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components import Dense, FullCovarianceNormal, NetworkDecoder, NetworkEncoder, Normal
from probvae.components.posteriors.normal import MultivariateNormalDiag
from probvae.core import VAE, Distribution, Positive, Prior, Tensor
from probvae.testing.case import Case
from probvae.testing.spaces import Floats
from probvae.testing.subject import seed_initial_values

EVENTS = ((3,), (3, 1, 1))
"""The shapes of an example: a vector, and an image of as many elements."""
NOISE = 0.7
REFERENCE = 10_000
"""How many draws stand for an expectation that has no closed form."""


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
class Exact:
    """What is exact of a linear Gaussian model and a batch: a `probvae.Exact`.

    Args:
        negative_log_likelihood: -E_q[log p(x|z)].
        kl: KL(q(z|x) || p(z)).
        negative_log_evidence: -log p(x).
        log_weights: draws of log p(x, z) - log q(z|x), z ~ q(z|x): a number of draws -> [draws, B].
    """

    negative_log_likelihood: Floats
    kl: Floats
    negative_log_evidence: Floats
    log_weights: Callable[[int], Floats]

    @property
    def negative_elbo(self) -> Floats:
        """The negative evidence lower bound: [B]."""
        return self.negative_log_likelihood + self.kl

    def importance_weighted(self, samples: int) -> Floats:
        """The negative importance-weighted bound, estimated from many draws: [B]."""
        log_w = self.log_weights(samples * REFERENCE).reshape(REFERENCE, samples, -1)  # [REFERENCE, S, B]
        return np.asarray(-(np.logaddexp.reduce(log_w, axis=1) - np.log(samples)).mean(0))


@dataclass(frozen=True)
class LinearGaussian:
    """p(z) = N(m, S), p(x|z) = N(W z + b, 0.7² I), q(z|x) a normal whose mean is affine in x.

    Then p(x) = N(W m + b, W S Wᵀ + 0.7² I) in closed form (factor analysis; probabilistic principal component
    analysis, Tipping and Bishop, 1999), and the exact posterior is one that q can be. The prior is no standard
    normal, or an objective that takes it for one would pass.

    Args:
        vae: the model; x is [B, *E] with three elements.
        seed: what its examples are functions of.
        start: the kernel [3, P] and the bias [P] of the encoder at first.
    """

    vae: VAE
    seed: int
    start: tuple[Floats, Floats]

    def examples(self, count: int) -> Tensor:
        """Ordinary examples [count, *E]."""
        rng = np.random.default_rng([self.seed, 5])
        return tf.constant(2.0 * rng.normal(size=(count, *self.vae.event_shape)), tf.float32)

    def log_evidence(self, x: Tensor) -> Floats:
        """Log p(x) of x [B, *E], in nats: [B]."""
        weights, bias = self._decoder()  # [D, 3], [3]
        loc, variance = self._prior()
        covariance = weights.T * variance @ weights + NOISE**2 * np.eye(len(bias))
        lower = np.asarray(np.linalg.cholesky(covariance), np.float64)
        return _log_normal(_flat(x) - bias - loc @ weights, lower)

    def exact(self, x: Tensor) -> Exact:
        """What is exact of x [B, *E] with the encoder as it is."""
        weights, bias = self._decoder()
        loc, variance = self._prior()
        kernel, constant = self._encoder()
        data = _flat(x)
        mean, lower = _normal(data @ kernel + constant, len(loc))  # [B, D], [B, D, D]
        scale = np.diag(np.sqrt(variance))

        def log_likelihood(z: Floats) -> Floats:
            return _log_normal(data - z @ weights - bias, np.diag(np.full(len(bias), NOISE)))

        def log_weights(draws: int) -> Floats:
            noise = np.random.default_rng([self.seed, 7]).normal(size=(draws, *mean.shape))  # [draws, B, D]
            z = mean + np.einsum("bij,nbj->nbi", lower, noise)
            log_q = _log_normal(noise, np.eye(len(loc))) - np.log(np.einsum("bii->bi", lower)).sum(-1)
            return log_likelihood(z) + _log_normal(z - loc, scale) - log_q

        spread = np.einsum("bij,id->bjd", lower, weights)  # [B, D, 3]
        return Exact(
            0.5 * (spread**2).sum((1, 2)) / NOISE**2 - log_likelihood(mean),
            _divergence(mean, lower, loc, scale),
            -self.log_evidence(x),
            log_weights,
        )

    def be_exact(self) -> None:
        """Make q(z|x) the exact posterior p(z|x)."""
        self._encode(*self._exact_encoder())

    def be_off_by(self, nats: float, x: Tensor) -> None:
        """Make KL(q(z|x) || p(z|x)) as large on average over x [B, *E], on the line from exact to the start."""
        (kernel, bias), (first_kernel, first_bias) = self._exact_encoder(), self.start
        data, D = _flat(x), self.vae.latent_dim
        here, there = data @ kernel + bias, data @ first_kernel + first_bias  # [B, P]
        mean, lower = _normal(here, D)
        steps = np.geomspace(1e-3, 1e2, 400)
        means, lowers = _normal(here + steps[:, None, None] * (there - here), D)
        off = [_divergence(m, factor, mean, lower).mean() for m, factor in zip(means, lowers, strict=True)]
        step = float(np.interp(np.log(nats), np.log(np.maximum.accumulate(off)), steps))
        self._encode(kernel + step * (first_kernel - kernel), bias + step * (first_bias - bias))

    def _exact_encoder(self) -> tuple[Floats, Floats]:
        """The kernel [3, P] and the bias [P] with which q(z|x) is p(z|x)."""
        weights, bias = self._decoder()  # [D, 3], [3]
        loc, variance = self._prior()
        D = len(weights)
        covariance = np.linalg.inv(np.diag(1 / variance) + weights @ weights.T / NOISE**2)  # [D, D]
        gain = covariance @ weights / NOISE**2  # [D, 3]
        kernel = np.zeros((len(bias), D + D * (D + 1) // 2))
        kernel[:, :D] = gain.T
        constant = np.concatenate(
            [covariance @ (loc / variance) - gain @ bias, _unfilled(np.linalg.cholesky(covariance))]
        )
        return kernel, constant

    def _encode(self, kernel: Floats, bias: Floats) -> None:
        last = self.vae.encoder.network.last
        last.kernel.assign(kernel)
        last.bias.assign(bias)

    def _encoder(self) -> tuple[Floats, Floats]:
        return _weights(self.vae.encoder)

    def _prior(self) -> tuple[Floats, Floats]:
        """The mean and the variances of p(z), [D] each."""
        p = self.vae.prior.distribution()
        return np.asarray(p.mean(), np.float64), np.asarray(p.variance(), np.float64)

    def _decoder(self) -> tuple[Floats, Floats]:
        return _weights(self.vae.decoder)


class _DiagonalNormal(FullCovarianceNormal):
    """The same outputs as for a full covariance, of whose factor L the diagonal alone is taken."""

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x): [B], [D]."""
        full: Any = super().posterior(outputs)  # a multivariate normal
        return MultivariateNormalDiag(full.loc, full.scale.diag_part())


def small_model(case: Case, posterior: Literal["any", "diagonal"] = "any") -> LinearGaussian:
    """A model with random weights, a function of the case's seed.

    Args:
        case: says how many latents it has.
        posterior: what an objective needs of q(z|x). Where that is "diagonal", the rows of W are orthogonal, so
            that the exact posterior is diagonal too.
    """
    seed_initial_values(case.seed)
    D, event = case.latent_dim, EVENTS[case.seed % len(EVENTS)]
    head = _DiagonalNormal(D) if posterior == "diagonal" else FullCovarianceNormal(D)
    encoder = NetworkEncoder(Dense(hidden=()), head, event)
    decoder = NetworkDecoder(Dense(hidden=()), Normal(event, "fixed", NOISE), D)
    vae = VAE(encoder, decoder, LearnedNormal(D))
    rng = np.random.default_rng([case.seed, 6])
    for variable in vae.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape))
    if posterior == "diagonal":
        _make_diagonal(encoder, decoder)
    return LinearGaussian(vae, case.seed, _weights(encoder))


def _make_diagonal(encoder: NetworkEncoder, decoder: NetworkDecoder) -> None:
    """Set the outputs off the diagonal of L to 0, make the rows of W orthogonal, and those beyond three 0."""
    W = np.asarray(decoder.network.last.kernel, np.float64)  # [D, 3]
    D = len(W)
    rows = np.zeros_like(W)
    rows[: W.shape[1]] = np.linalg.qr(W.T)[0].T * np.linalg.norm(W[: W.shape[1]], axis=1, keepdims=True)
    decoder.network.last.kernel.assign(rows)
    ones = tfp.math.fill_triangular_inverse(tf.eye(D))
    kept = np.concatenate([np.ones(D), ones])  # [P]
    for variable in (encoder.network.last.kernel, encoder.network.last.bias):
        variable.assign(kept * np.asarray(variable))


def _weights(coder: NetworkEncoder | NetworkDecoder) -> tuple[Floats, Floats]:
    """The kernel and the bias of a network of one layer."""
    last = coder.network.last
    return np.asarray(last.kernel, np.float64), np.asarray(last.bias, np.float64)


def _flat(x: Tensor) -> Floats:
    return np.asarray(x, np.float64).reshape(len(x), -1)


def _log_normal(away: Floats, lower: Floats) -> Floats:
    """The log-density of N(0, L Lᵀ) at points [..., D], L lower triangular [D, D]: [...]."""
    noise = away @ np.linalg.inv(lower).T
    return np.asarray(-0.5 * (noise**2 + np.log(2 * np.pi)).sum(-1) - np.log(np.diag(lower)).sum())


def _divergence(mean: Floats, lower: Floats, loc: Floats, scale: Floats) -> Floats:
    """KL(N(mean, L Lᵀ) || N(loc, M Mᵀ)) of means [..., D] and lower triangular factors [..., D, D]: [...]."""
    ratio = np.linalg.solve(scale, lower)  # M⁻¹ L
    away = np.linalg.solve(scale, (mean - loc)[..., None])[..., 0]
    log_ratio = np.log(np.diagonal(ratio, axis1=-2, axis2=-1)).sum(-1)
    return np.asarray(0.5 * ((ratio**2).sum((-1, -2)) + (away**2).sum(-1) - mean.shape[-1]) - log_ratio)


def _normal(outputs: Floats, D: int) -> tuple[Floats, Floats]:
    """The mean [..., D] and the factor L [..., D, D] that the full-covariance head makes of outputs [..., P]."""
    lower = np.array(tfp.math.fill_triangular(outputs[..., D:]), np.float64)
    diagonal = np.arange(D)
    lower[..., diagonal, diagonal] = np.logaddexp(0, lower[..., diagonal, diagonal] + 1e-5) + 1e-4
    return outputs[..., :D], lower


def _unfilled(lower: Floats) -> Floats:
    """The outputs from which the full-covariance head makes this L: its order, its softplus, its floor undone."""
    raw = lower.copy()
    np.fill_diagonal(raw, np.log(np.expm1(np.diag(lower) - 1e-4)) - 1e-5)
    return np.asarray(tfp.math.fill_triangular_inverse(raw), np.float64)

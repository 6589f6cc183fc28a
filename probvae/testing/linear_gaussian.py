"""A small model with a known evidence, with which objectives are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components import (
    Dense,
    FullCovarianceNormal,
    NetworkClassifier,
    NetworkDecoder,
    NetworkEncoder,
    Normal,
)
from probvae.components.posteriors.normal import MultivariateNormalDiag
from probvae.core import VAE, Array, Batch, Distribution, Objective, Positive, Prior, Tensor
from probvae.errors import ConfigError
from probvae.testing.case import Case
from probvae.testing.floats import Floats
from probvae.testing.subject import Refused, seed_initial_values

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
        labels: [B], -1 where missing.
        class_probabilities: q(y|x), [B, K]; [B, 0] of a model without classes.
        of_class: the same given each of the K classes.
        negative_log_likelihood: -E_q[log p(x|z)].
        kl: KL(q(z|x) || p(z)).
        kl_by_latent: its share of each latent, where both are diagonal: [B, D].
        negative_log_evidence: -log p(x).
        log_weights: draws of log p(x, z) - log q(z|x), z ~ q(z|x): a number of draws -> [draws, B].
    """

    labels: Array
    class_probabilities: Floats
    of_class: tuple[Exact, ...]
    negative_log_likelihood: Floats
    kl: Floats
    kl_by_latent: Floats
    negative_log_evidence: Floats
    log_weights: Callable[[int], Floats]

    def given(self, label: int) -> Exact:
        """The same of x given a class."""
        return self.of_class[label]

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

    With K classes this is p(x|y), with a b of each, and they are equally probable. The logits of p(y|x) are affine
    in x (Fisher's discriminant), so that it is one that the classifier can be.

    Args:
        vae: the model; x is [B, *E] with three elements.
        seed: what its examples are functions of.
        start: the kernel [3, P] and the biases [K, P], [1, P] without classes, of the encoder at first.
        label: the class that it is given; without classes, 0.
    """

    vae: VAE
    seed: int
    start: tuple[Floats, Floats]
    label: int = 0

    def examples(self, count: int) -> Tensor:
        """Ordinary examples [count, *E]."""
        rng = np.random.default_rng([self.seed, 5])
        return tf.constant(2.0 * rng.normal(size=(count, *self.vae.event_shape)), tf.float32)

    @property
    def classes(self) -> int:
        """K; 0 for a model without classes."""
        return self.vae.condition_dim

    def batch(self, x: Tensor) -> Batch:
        """Examples [B, *E] as an objective sees them; with classes, every (K + 1)th has no label, as the first."""
        labels = tf.range(tf.shape(x)[0]) % (self.classes + 1) - 1
        return Batch(x, labels=tf.cast(labels, tf.int64) if self.classes else None)

    def log_evidence(self, batch: Batch) -> Floats:
        """Log p(x), or log p(x, y) of examples with a label, in nats: [B]."""
        if not self.classes:
            return self._log_evidence(batch.x)
        each = np.stack([given._log_evidence(batch.x) for given in self._of_class()]) - np.log(self.classes)
        labels = np.asarray(batch.labels)
        rows = np.arange(len(labels))
        return np.asarray(np.where(labels == -1, np.logaddexp.reduce(each, axis=0), each[labels, rows]))

    def _log_evidence(self, x: Tensor) -> Floats:
        """Log p(x) of x [B, *E], given the class: [B]."""
        weights, bias = self._decoder()  # [D, 3], [3]
        loc, variance = self._prior()
        covariance = weights.T * variance @ weights + NOISE**2 * np.eye(len(bias))
        lower = np.asarray(np.linalg.cholesky(covariance), np.float64)
        return _log_normal(_flat(x) - bias - loc @ weights, lower)

    def _of_class(self) -> list[LinearGaussian]:
        """The model of x given each class; without classes, the model itself."""
        return [replace(self, label=label) for label in range(max(1, self.classes))]

    def exact(self, batch: Batch) -> Exact:
        """What is exact of a batch with the encoder and the classifier as they are."""
        if not self.classes:
            return self._exact(batch.x)
        given = [model._exact(batch.x) for model in self._of_class()]
        q = np.asarray(self.vae.labels(batch.x).probs_parameter(), np.float64)  # [B, K]
        labels = np.asarray(batch.labels)
        weights = np.where(labels[:, None] == -1, q, np.eye(self.classes)[labels])

        def averaged(values: Iterable[Floats]) -> Floats:
            return np.asarray(np.einsum("bk,k...b->...b", weights, np.stack(list(values))))

        return Exact(
            labels,
            q,
            tuple(given),
            averaged(found.negative_log_likelihood for found in given),
            averaged(found.kl for found in given),
            averaged(found.kl_by_latent.T for found in given).T,
            -self.log_evidence(batch),
            lambda draws: averaged(found.log_weights(draws) for found in given),
        )

    def _exact(self, x: Tensor) -> Exact:
        """What is exact of x [B, *E] given the class."""
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
            np.full(len(data), -1),
            np.zeros((len(data), 0)),
            (),
            0.5 * (spread**2).sum((1, 2)) / NOISE**2 - log_likelihood(mean),
            _divergence(mean, lower, loc, scale),
            _divergences(mean, lower, loc, scale),
            -self._log_evidence(x),
            log_weights,
        )

    def be_exact(self) -> None:
        """Make q(z|x) the exact posterior p(z|x), and q(y|x) the exact p(y|x)."""
        self._encode(*self._exact_encoders())
        if self.vae.classifier is not None:
            self._classify()

    def be_prior(self) -> None:
        """Make q(z|x) the prior, for every x."""
        loc, variance = self._prior()
        kernel, biases = self.start
        constant = np.concatenate([loc, _unfilled(np.diag(np.sqrt(variance)))])
        self._encode(np.zeros_like(kernel), np.tile(constant, (len(biases), 1)))

    def be_off_by(self, nats: float, x: Tensor) -> None:
        """Make KL(q(z|x) || p(z|x)) as large on average over x [B, *E], on the line from exact to the start.

        With classes it is averaged over these too; the classifier stays as it is.
        """
        (kernel, bias), (first_kernel, first_bias) = self._exact_encoders(), self.start
        data, D = _flat(x), self.vae.latent_dim
        here, there = data @ kernel + bias[:, None], data @ first_kernel + first_bias[:, None]  # [K, B, P]
        mean, lower = _normal(here, D)
        steps = np.geomspace(1e-3, 1e2, 400)
        means, lowers = _normal(here + steps[:, None, None, None] * (there - here), D)
        off = [_divergence(m, factor, mean, lower).mean() for m, factor in zip(means, lowers, strict=True)]
        step = float(np.interp(np.log(nats), np.log(np.maximum.accumulate(off)), steps))
        self._encode(kernel + step * (first_kernel - kernel), bias + step * (first_bias - bias))

    def _exact_encoders(self) -> tuple[Floats, Floats]:
        """The kernel [3, P] and the biases [K, P], of all classes, with which q(z|x) is p(z|x)."""
        kernels, biases = zip(*[given._exact_encoder() for given in self._of_class()], strict=True)
        return kernels[0], np.stack(biases)  # W, and so the kernel, is the same for all classes

    def _classify(self) -> None:
        """Make q(y|x) the exact p(y|x), whose logits are what differs between the classes in log p(x|y)."""
        weights, bias = zip(*[given._decoder() for given in self._of_class()], strict=True)
        loc, variance = self._prior()
        W, means = weights[0], np.stack(bias) + loc @ weights[0]  # [D, 3], [K, 3]
        precision = np.linalg.inv(W.T * variance @ W + NOISE**2 * np.eye(W.shape[1]))
        classifier: Any = self.vae.classifier
        last = classifier.network.last
        last.kernel.assign(precision @ means.T)
        last.bias.assign(-0.5 * np.einsum("ki,ij,kj->k", means, precision, means))

    def _exact_encoder(self) -> tuple[Floats, Floats]:
        """The kernel [3, P] and the bias [P] with which q(z|x) is p(z|x), given the class."""
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

    def _encode(self, kernel: Floats, biases: Floats) -> None:
        last = self.vae.encoder.network.last
        last.kernel.assign(np.concatenate([kernel, biases]) if self.classes else kernel)
        last.bias.assign(np.zeros(biases.shape[1]) if self.classes else biases[0])

    def _encoder(self) -> tuple[Floats, Floats]:
        return _weights(self.vae.encoder, self.label)

    def _prior(self) -> tuple[Floats, Floats]:
        """The mean and the variances of p(z), [D] each."""
        p = self.vae.prior.distribution()
        return np.asarray(p.mean(), np.float64), np.asarray(p.variance(), np.float64)

    def _decoder(self) -> tuple[Floats, Floats]:
        return _weights(self.vae.decoder, self.label)


class _DiagonalNormal(FullCovarianceNormal):
    """The same outputs as for a full covariance, of whose factor L the diagonal alone is taken."""

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x): [B], [D]."""
        full: Any = super().posterior(outputs)  # a multivariate normal
        return MultivariateNormalDiag(full.loc, full.scale.diag_part())


def model_for(objective: Objective, case: Case) -> LinearGaussian:
    """A model that an objective can be used with.

    Raises:
        Refused: the objective is not for such models.
    """
    model = small_model(case, objective.posterior, case.classes if objective.classifier else 0)
    try:
        objective.check(model.vae)
    except ConfigError as error:
        raise Refused(error) from error
    return model


def small_model(
    case: Case, posterior: Literal["any", "independent", "diagonal"] = "any", classes: int | None = None
) -> LinearGaussian:
    """A model with random weights, a function of the case's seed.

    Args:
        case: says how many latents it has.
        classes: K, of a model with a classifier; 0 or None for one without.
        posterior: what an objective needs of q(z|x). Where that is "diagonal", the rows of W are orthogonal, so
            that the exact posterior is diagonal too.
    """
    seed_initial_values(case.seed)
    D, event = case.latent_dim, EVENTS[case.seed % len(EVENTS)]
    head = _DiagonalNormal(D) if posterior == "diagonal" else FullCovarianceNormal(D)
    encoder = NetworkEncoder(Dense(hidden=()), head, event, classes or None)
    decoder = NetworkDecoder(Dense(hidden=()), Normal(event, "fixed", NOISE), D, classes or None)
    classifier = NetworkClassifier(Dense(hidden=()), event, classes) if classes else None
    vae = VAE(encoder, decoder, LearnedNormal(D), classifier)
    rng = np.random.default_rng([case.seed, 6])
    for variable in vae.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape))
    if posterior == "diagonal":
        _make_diagonal(encoder, decoder)
    of_classes = [_weights(encoder, label) for label in range(classes or 1)]
    return LinearGaussian(vae, case.seed, (of_classes[0][0], np.stack([bias for _, bias in of_classes])))


def _make_diagonal(encoder: NetworkEncoder, decoder: NetworkDecoder) -> None:
    """Set the outputs off the diagonal of L to 0, make the rows of W orthogonal, and those beyond three 0."""
    kernel = np.asarray(decoder.network.last.kernel, np.float64)  # [D, 3], and a row for each class
    D = len(kernel) - decoder.condition_dim
    W = kernel[:D]
    rows = np.zeros_like(W)
    rows[: W.shape[1]] = np.linalg.qr(W.T)[0].T * np.linalg.norm(W[: W.shape[1]], axis=1, keepdims=True)
    decoder.network.last.kernel.assign(np.concatenate([rows, kernel[D:]]))
    ones = tfp.math.fill_triangular_inverse(tf.eye(D))
    kept = np.concatenate([np.ones(D), ones])  # [P]
    for variable in (encoder.network.last.kernel, encoder.network.last.bias):
        variable.assign(kept * np.asarray(variable))


def _weights(coder: NetworkEncoder | NetworkDecoder, label: int) -> tuple[Floats, Floats]:
    """The kernel and the bias of a network of one layer, given a class if it takes one."""
    last, classes = coder.network.last, coder.condition_dim
    kernel, bias = np.asarray(last.kernel, np.float64), np.asarray(last.bias, np.float64)
    if not classes:
        return kernel, bias
    return kernel[:-classes], bias + kernel[-classes:][label]


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


def _divergences(mean: Floats, lower: Floats, loc: Floats, scale: Floats) -> Floats:
    """The KL of each dimension, where both factors are diagonal: [..., D]."""
    ratio = np.diagonal(lower, axis1=-2, axis2=-1) / np.diag(scale)
    return np.asarray(0.5 * (ratio**2 + ((mean - loc) / np.diag(scale)) ** 2 - 1) - np.log(ratio))


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

"""A conditional model whose evidence log p(x|c) and exact posterior are known in closed form.

p(z|c) = N(P c, I), p(x|z, c) = N(W z + U c + b, s² I), q(z|x, c) = N(A x + G c + g, L Lᵀ).
"""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import VAE, Batch, Decoder, Encoder, Prior, Split
from probvae.evaluation import bounds
from probvae.objectives import ELBO, IWAE

from .linear_gaussian import B, D, LinearDecoder, S, W, data

tfd = tfp.distributions

C = 2
P = np.array([[0.9, -0.6], [0.2, 1.1]])
U = np.array([[0.5, -1.0], [1.2, 0.3], [-0.4, 0.7]])


class GaussianEncoder(Encoder):
    def __init__(self, condition_dim: int, matrix, of_condition, shift, lower):
        super().__init__()
        self.matrix, self.of_condition, self.shift, self.lower = (
            tf.Variable(value, dtype=tf.float32) for value in (matrix, of_condition, shift, lower)
        )

    def posterior(self, x, condition):
        loc = tf.linalg.matvec(self.matrix, x) + tf.linalg.matvec(self.of_condition, condition) + self.shift
        return tfd.MultivariateNormalTriL(loc, self.lower)


class GaussianDecoder(Decoder):
    def __init__(self, condition_dim: int):
        super().__init__()
        self.plain = LinearDecoder()
        self.of_condition = tf.Variable(U, dtype=tf.float32)

    def likelihood(self, z, condition):
        loc = self.plain.likelihood(z).mean() + tf.linalg.matvec(self.of_condition, condition)
        return tfd.Independent(tfd.Normal(loc, S), reinterpreted_batch_ndims=1)


class GaussianPrior(Prior):
    def __init__(self, condition_dim: int):
        super().__init__()
        self.matrix = tf.Variable(P, dtype=tf.float32)

    def distribution(self, condition):
        loc = tf.linalg.matvec(self.matrix, condition)
        return tfd.MultivariateNormalDiag(loc, tf.ones_like(loc))


PARTS = {"prior": (True, False), "decoder": (False, True), "both": (True, True)}


def exact(prior, decoder):
    """The model with its exact posterior, and the map of conditions to E[x|c]."""
    p, u = P * prior, U * decoder
    covariance = np.linalg.inv(np.eye(D) + W.T @ W / S**2)
    gain = covariance @ W.T / S**2
    encoder = GaussianEncoder(C, gain, p - gain @ (W @ p + u), -gain @ B, np.linalg.cholesky(covariance))
    parts = GaussianDecoder(C) if decoder else LinearDecoder(), GaussianPrior(C) if prior else c.StandardNormal(D)
    return VAE(encoder, *parts), W @ p + u


def conditions(count=5):
    return np.random.default_rng(7).normal(size=(count, C)).astype(np.float32)


def log_evidence(x, condition, mean):
    covariance = W @ W.T + S**2 * np.eye(len(W))
    away = x - condition @ mean.T - B
    distance = np.einsum("bi,ij,bj->b", away, np.linalg.inv(covariance), away)
    return -0.5 * (distance + np.linalg.slogdet(covariance)[1] + len(W) * np.log(2 * np.pi))


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("objective", [ELBO(kl="monte_carlo"), IWAE(3)], ids=["elbo", "iwae"])
def test_a_bound_equals_the_evidence_given_the_condition_at_the_exact_posterior(parts, objective):
    vae, mean = exact(*parts)
    x, condition = data(), conditions()
    losses = objective(vae, Batch(x, condition), 3, tf.constant(0)).per_example
    np.testing.assert_allclose(-losses, log_evidence(x, condition, mean), atol=2e-4)
    other = objective(vae, Batch(x, condition[::-1]), 3, tf.constant(0)).per_example
    np.testing.assert_allclose(-other, log_evidence(x, condition[::-1], mean), atol=2e-4)


class Forgetful(GaussianDecoder):
    """It takes the condition and decodes without it."""

    def likelihood(self, z, condition):
        return self.plain.likelihood(z)


def test_a_condition_that_is_used_in_q_and_not_in_p_misses_the_evidence():
    """With the q that is exact for p(x|z, c): the bound is then one on another evidence, and not tight."""
    right, mean = exact(prior=False, decoder=True)
    wrong = VAE(right.encoder, Forgetful(C), c.StandardNormal(D))
    x, condition = data(), conditions()
    losses = IWAE(1)(wrong, Batch(x, condition), 3, tf.constant(0)).per_example
    assert np.all(np.abs(losses + log_evidence(x, condition, mean)) > 0.05)


def test_the_exact_kl_is_to_the_prior_given_the_condition():
    vae, _ = exact(prior=True, decoder=True)
    batch = Batch(data(), conditions())
    terms = ELBO(kl="exact")(vae, batch, 0, tf.constant(0)).terms
    estimate = ELBO(kl="monte_carlo", samples=20_000)(vae, batch, 0, tf.constant(0)).terms
    np.testing.assert_allclose(terms["kl"], estimate["kl"], atol=0.06)


def test_an_evaluation_is_of_the_evidence_given_the_conditions_of_the_data():
    vae, mean = exact(prior=True, decoder=True)
    x, condition = data(12), conditions(12)
    found = bounds(vae, Split(x, condition=condition), samples=3, batch_size=10)
    expected = log_evidence(x, condition, mean).mean()
    assert found.elbo.value == pytest.approx(expected, abs=2e-4)
    assert found.importance_weighted.value == pytest.approx(expected, abs=2e-4)


def test_samples_have_the_mean_of_x_given_the_condition():
    vae, mean = exact(prior=True, decoder=True)
    condition = conditions(1)[0]
    drawn = vae.sample(20_000, condition=condition).numpy()
    np.testing.assert_allclose(drawn.mean(0), mean @ condition + B, atol=0.06)

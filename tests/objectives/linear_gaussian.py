"""A model whose evidence, bounds and posteriors are known in closed form.

p(z) = N(0, I), p(x|z) = N(W z + b, s² I), q(z|x) = N(A x + c, L Lᵀ).
"""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import VAE, Decoder, Encoder

tfd = tfp.distributions

D, E = 2, (3,)
W = np.array([[1.0, -0.5], [0.3, 0.8], [-0.7, 0.4]])
B = np.array([0.2, -0.4, 0.1])
S = 0.6


class LinearEncoder(Encoder):
    """q(z|x) = N(A x + c, L Lᵀ)."""

    def __init__(self, matrix, shift, lower):
        super().__init__()
        self.matrix = tf.Variable(matrix, dtype=tf.float32)
        self.shift = tf.Variable(shift, dtype=tf.float32)
        self.lower = tf.Variable(lower, dtype=tf.float32)

    def posterior(self, x):
        loc = tf.linalg.matvec(self.matrix, tf.cast(x, tf.float32)) + self.shift
        return tfd.MultivariateNormalTriL(loc, tf.linalg.band_part(self.lower, -1, 0))


class LinearDecoder(Decoder):
    """p(x|z) = N(W z + b, s² I)."""

    def __init__(self):
        super().__init__()
        self.matrix = tf.Variable(W, dtype=tf.float32)
        self.shift = tf.Variable(B, dtype=tf.float32)

    def likelihood(self, z):
        loc = tf.linalg.matvec(self.matrix, z) + self.shift
        return tfd.Independent(tfd.Normal(loc, S), reinterpreted_batch_ndims=1)


def exact_posterior():
    """The matrix A, the shift c and the factor L of the true posterior."""
    covariance = np.linalg.inv(np.eye(D) + W.T @ W / S**2)
    matrix = covariance @ W.T / S**2
    return matrix, -matrix @ B, np.linalg.cholesky(covariance)


def some_posterior():
    """The parameters of a q that is not the true posterior."""
    return np.array([[0.4, 0.1, -0.2], [0.0, 0.5, 0.1]]), np.array([0.1, -0.2]), np.array([[0.7, 0.0], [0.2, 0.6]])


def model(posterior=None, prior=None):
    return VAE(LinearEncoder(*(posterior or some_posterior())), LinearDecoder(), prior or c.StandardNormal(D))


def data(count=5):
    return np.random.default_rng(0).normal(size=(count, *E)).astype(np.float32)


def log_evidence(x):
    """Log p(x), exactly: [B]."""
    covariance = W @ W.T + S**2 * np.eye(3)
    away = x - B
    distance = np.einsum("bi,ij,bj->b", away, np.linalg.inv(covariance), away)
    return -0.5 * (distance + np.linalg.slogdet(covariance)[1] + 3 * np.log(2 * np.pi))


def kl(x, posterior):
    """KL(q(z|x) || p(z)), exactly: [B]."""
    matrix, shift, lower = posterior
    mean = x @ matrix.T + shift
    covariance = lower @ lower.T
    return 0.5 * (np.trace(covariance) + (mean**2).sum(1) - D - np.linalg.slogdet(covariance)[1])


def expected_log_likelihood(x, posterior, w=W, b=B):
    """E_q[log p(x|z)], exactly: [B]."""
    matrix, shift, lower = posterior
    away = x - (x @ matrix.T + shift) @ w.T - b
    spread = np.trace(w @ lower @ lower.T @ w.T)
    return -0.5 * ((away**2).sum(1) + spread) / S**2 - 1.5 * np.log(2 * np.pi * S**2)

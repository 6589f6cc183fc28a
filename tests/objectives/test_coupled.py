"""Objectives that compare the rows of a batch: closed forms of the aggregate posterior of normal data."""

from itertools import combinations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import VAE, Batch, Encoder
from probvae.errors import ConfigError
from probvae.objectives import ELBO, BetaTC, InfoVAE

from .linear_gaussian import D, E, LinearDecoder

tfd = tfp.distributions

A = np.array([[0.9, -0.6, 0.3], [0.5, 0.8, 0.0]])
NOISE = np.array([0.5, 0.8])


class Diagonal(Encoder):
    """q(z|x) = N(A x, diag(NOISE²)). For x ~ N(0, I), q(z) = N(0, A Aᵀ + diag(NOISE²))."""

    def __init__(self, matrix=A, noise=NOISE):
        super().__init__()
        self.matrix = tf.Variable(matrix, dtype=tf.float32)
        self.noise = tf.constant(noise, tf.float32)

    def posterior(self, x):
        loc = tf.linalg.matvec(self.matrix, x)
        return tfd.MultivariateNormalDiag(loc, self.noise * tf.ones_like(loc))


def model(**encoder):
    return VAE(Diagonal(**encoder), LinearDecoder(), c.StandardNormal(D))


def normal(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *E)).astype(np.float32)


def call(objective, vae, x, seed=0, weights=None):
    return objective(vae, Batch(x, weights=weights), tf.stack([seed, 5]), tf.constant(0))


def test_the_parts_of_the_kl_are_the_closed_forms_in_a_large_batch():
    terms = call(BetaTC(2000), model(), normal(2000)).terms
    covariance = A @ A.T + np.diag(NOISE**2)
    variances = np.diag(covariance)
    log_determinant = np.linalg.slogdet(covariance)[1]
    expected = {
        "mutual_information": 0.5 * (log_determinant - 2 * np.log(NOISE).sum()),
        "total_correlation": 0.5 * (np.log(variances).sum() - log_determinant),
        "dimension_wise_kl": 0.5 * (variances - 1 - np.log(variances)).sum(),
    }
    for name, value in expected.items():
        assert np.mean(terms[name]) == pytest.approx(value, abs=0.05), name  # the standard error is 0.02


def test_the_parts_sum_to_the_kl_whatever_the_size_of_the_data():
    x, vae = normal(20), model()
    elbo = call(ELBO("monte_carlo"), vae, x).per_example
    for size in (20, 1000):
        np.testing.assert_allclose(call(BetaTC(size, beta=1.0), vae, x).per_example, elbo, rtol=1e-4)
    one, two = (call(BetaTC(50, beta=b), vae, x) for b in (1.0, 3.0))
    np.testing.assert_allclose(
        two.per_example, one.per_example + 2.0 * one.terms["total_correlation"], rtol=1e-4, atol=1e-4
    )


def test_stratified_weights_estimate_the_aggregate_posterior_of_all_the_data_without_bias():
    """On average over all batches of three with example 0, at one z: 1/N sum_n q(z|x_n), and its marginals."""
    data, vae, z = normal(8, seed=3), model(), tf.constant([[0.3, -0.4]] * 3)
    found = []
    for others in combinations(range(1, 8), 2):
        q = vae.posterior(data[[0, *others]])
        of_z, of_each = BetaTC(8)._aggregate(q, z, tf.ones(3), tf.eye(3))
        found.append(np.exp([of_z[0], *of_each[0]]))
    q = vae.posterior(data)
    each = tfd.Normal(q.mean(), q.stddev()).prob(z[0]).numpy()  # [8, D]
    np.testing.assert_allclose(np.mean(found, axis=0), [each.prod(1).mean(), *each.mean(0)], rtol=1e-4)


def test_rows_of_weight_0_change_nothing():
    x, vae = normal(5), model()
    weights = np.array([0.4, 0.3, 0.3, 0.0, 0.0], np.float32)
    for objective in (BetaTC(50), InfoVAE()):
        one, other = (
            call(objective, vae, rows, weights=weights) for rows in (x, np.concatenate([x[:3], 9 * x[3:]]))
        )
        np.testing.assert_allclose(one.per_example[:3], other.per_example[:3], rtol=1e-5)


@pytest.mark.parametrize("objective", [BetaTC(50), InfoVAE()], ids=["beta_tc", "info_vae"])
def test_one_example_alone_has_finite_losses_and_gradients(objective):
    vae = model()
    with tf.GradientTape() as tape:
        losses = call(objective, vae, normal(1))
        loss = tf.reduce_mean(losses.per_example)
    assert np.isfinite(loss)
    assert np.isfinite(tape.gradient(loss, vae.encoder.matrix)).all()
    nothing = {"mmd", "mutual_information"} & set(losses.terms)
    assert [float(losses.terms[name][0]) for name in nothing] == pytest.approx([0.0], abs=1e-5)


def mmds(vae, size, count=400):
    """MMD² of many batches, each of other examples: [count]."""
    objective = InfoVAE()
    x = normal(size * count).reshape(count, size, *E)

    @tf.function
    def mmd(rows, seed):
        return call(objective, vae, rows, seed).terms["mmd"][0]

    return np.array([mmd(tf.constant(rows), tf.constant(seed)) for seed, rows in enumerate(x)])


@pytest.mark.parametrize("size", [2, 8])
def test_the_mmd_is_0_on_average_where_the_aggregate_posterior_is_the_prior(size):
    matrix, noise = np.diag([0.6, 0.8])[:, [0, 1]] @ np.eye(2, 3), np.array([0.8, 0.6])  # A Aᵀ + diag(noise²) = I
    found = mmds(model(matrix=matrix, noise=noise), size)
    assert abs(found.mean()) < 5 * found.std() / np.sqrt(len(found))
    assert found.min() < 0
    assert 5 * found.std() / np.sqrt(len(found)) < 0.5 / size  # with the diagonal it is 1 / size too large


def expected_kernel(covariance):
    """E[exp(-|d|² / (2 D))] of d ~ N(0, covariance)."""
    return 1 / np.sqrt(np.linalg.det(np.eye(D) + covariance / D))


def test_the_mmd_is_the_closed_form_of_two_normals():
    found = mmds(model(matrix=2 * A), 16)
    q, p = 4 * A @ A.T + np.diag(NOISE**2), np.eye(D)
    expected = expected_kernel(2 * q) + expected_kernel(2 * p) - 2 * expected_kernel(q + p)
    assert found.mean() == pytest.approx(expected, abs=5 * found.std() / np.sqrt(len(found)))
    assert expected > 10 * found.std() / np.sqrt(len(found))


def test_a_learned_prior_whose_samples_carry_no_gradients_is_refused():
    vae = VAE(Diagonal(), LinearDecoder(), c.Mixture(D, 3))
    with pytest.raises(ConfigError, match=r"info_vae objective: expected a prior that is fixed.*got Mixture"):
        InfoVAE().check(vae)
    InfoVAE().check(model())
    InfoVAE().check(VAE(Diagonal(), LinearDecoder(), c.RealNVP(D, 2, (4,))))

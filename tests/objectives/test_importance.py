"""Bounds that are reductions of one set of log weights: their formulas in NumPy, their limits, and their order."""

import numpy as np
import pytest
import tensorflow as tf

from probvae.core import Batch
from probvae.objectives import CIWAE, ELBO, IWAE, MIWAE, PIWAE, DReG, Renyi

from .linear_gaussian import data, exact_posterior, log_evidence, model, some_posterior

X, SEED = data(), 3


@pytest.fixture(scope="module")
def vae():
    return model()


def bound(objective, vae, x=X, seed=SEED):
    return -objective(vae, Batch(x), seed, tf.constant(0)).per_example.numpy()


def log_mean(log_w, axis=0):
    return np.logaddexp.reduce(log_w, axis=axis) - np.log(log_w.shape[axis])


FORMULAS = {
    "miwae": (MIWAE(3, 4), lambda w: log_mean(w.reshape(3, 4, -1), 1).mean(0)),
    "piwae": (PIWAE(3, 4), log_mean),
    "dreg": (DReG(12), log_mean),
    "ciwae": (CIWAE(12, beta=0.3), lambda w: 0.3 * w.mean(0) + 0.7 * log_mean(w)),
    "renyi 0.3": (Renyi(12, alpha=0.3), lambda w: log_mean(0.7 * w) / 0.7),
    "renyi 3": (Renyi(12, alpha=3.0), lambda w: log_mean(-2 * w) / -2),
    "renyi -2": (Renyi(12, alpha=-2.0), lambda w: log_mean(3 * w) / 3),
}


@pytest.mark.parametrize(("objective", "formula"), FORMULAS.values(), ids=FORMULAS)
def test_the_loss_is_its_formula(vae, objective, formula):
    log_w = vae.log_weights(X, 12, SEED).numpy().astype(np.float64)
    np.testing.assert_allclose(bound(objective, vae), formula(log_w), rtol=1e-5)
    terms = objective(vae, Batch(X), SEED, tf.constant(0)).terms
    np.testing.assert_allclose(terms["negative_elbo"], -log_w.mean(0), rtol=1e-5)


def test_between_the_bounds_of_the_same_samples_lie_the_others(vae):
    elbo, iwae = bound(ELBO("monte_carlo", samples=12), vae), bound(IWAE(12), vae)
    for objective in (MIWAE(3, 4), CIWAE(12), Renyi(12), Renyi(12, alpha=0.99)):
        assert np.all(elbo < bound(objective, vae))
        assert np.all(bound(objective, vae) < iwae)


def test_the_renyi_bound_falls_with_its_order_and_nears_the_elbo_without_losing_digits(vae):
    found = [bound(Renyi(6, alpha), vae) for alpha in (-3, -1, 0, 0.5, 0.9, 1, 1.5, 4)]
    assert np.all(np.diff(found, axis=0) < 0)
    elbo = bound(ELBO("monte_carlo", samples=6), vae)
    for alpha in (1 - 1e-3, 1 - 1e-6, 1 + 1e-6):
        np.testing.assert_allclose(bound(Renyi(6, alpha), vae), elbo, rtol=1e-6, atol=20 * abs(1 - alpha))


def divergence(order):
    """The Rényi divergence from q(z|x) to the exact posterior, both normal, in closed form: [B]."""
    (q_mean, q), (p_mean, p) = (
        (X @ m.T + s, lower @ lower.T) for m, s, lower in (some_posterior(), exact_posterior())
    )
    mixed = order * p + (1 - order) * q
    away = q_mean - p_mean
    distance = np.einsum("bi,ij,bj->b", away, np.linalg.inv(mixed), away)
    logs = [np.linalg.slogdet(each)[1] for each in (mixed, q, p)]
    return 0.5 * order * distance - 0.5 / (order - 1) * (logs[0] - (1 - order) * logs[1] - order * logs[2])


@pytest.mark.parametrize("order", [0.4, 0.8])
def test_with_many_samples_the_renyi_bound_is_the_evidence_less_the_divergence(vae, order):
    found = bound(Renyi(100_000, alpha=order), vae)
    np.testing.assert_allclose(found, log_evidence(X) - divergence(order), atol=0.05)


def test_the_renyi_bound_of_a_negative_order_is_above_the_evidence_and_claims_nothing(vae):
    assert [Renyi(alpha=alpha).bound for alpha in (-1.0, 0.0, 1.0, 3.0)] == [None, "tight", "tight", "tight"]
    many = bound(Renyi(200, alpha=-2.0), vae, np.repeat(X[:1], 500, axis=0))
    assert many.mean() > log_evidence(X[:1]) + 0.05
    assert many.mean() - 6 * many.std() / np.sqrt(500) > log_evidence(X[:1])


def test_one_pass_back_gives_the_encoder_the_gradient_of_miwae_and_the_decoder_that_of_iwae(vae):
    variables = [vae.encoder.matrix, vae.encoder.lower, vae.decoder.matrix, vae.decoder.shift]
    found = {}
    for objective in (PIWAE(3, 4), MIWAE(3, 4), IWAE(12)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(objective(vae, Batch(X), SEED, tf.constant(0)).per_example)
        found[type(objective)] = tape.gradient(loss, variables)
    for place, other in enumerate((MIWAE, MIWAE, IWAE, IWAE)):
        np.testing.assert_allclose(found[PIWAE][place], found[other][place], rtol=1e-3, atol=1e-4)
    assert not np.allclose(found[MIWAE][0], found[IWAE][0], rtol=1e-2)

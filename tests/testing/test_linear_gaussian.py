"""The model that objectives are compared with is exact."""

import numpy as np
import pytest
import tensorflow as tf

from probvae.testing import Case
from probvae.testing.linear_gaussian import small_model


@pytest.mark.parametrize("D", [1, 3])
def test_the_gap_of_the_bound_is_the_divergence_that_was_asked_for(D):
    model = small_model(Case(latent_dim=D, seed=D))
    x = model.examples(3)
    for nats in (0.1, 1.0):
        model.be_off_by(nats, x)
        exact = model.exact(model.batch(x))
        assert (exact.negative_elbo - exact.negative_log_evidence).mean() == pytest.approx(nats, rel=0.02)
    model.be_exact()
    exact = model.exact(model.batch(x))
    np.testing.assert_allclose(exact.negative_elbo, exact.negative_log_evidence, atol=1e-4)


def test_what_is_exact_is_what_the_model_itself_averages():
    model = small_model(Case(latent_dim=2, seed=3))
    x = model.examples(2)
    model.be_off_by(1.0, x)
    exact, draws = model.exact(model.batch(x)), 20_000
    q, p = model.vae.posterior(x), model.vae.prior.distribution()
    z = q.sample(draws, seed=[1, 2])
    kl = np.asarray(q.log_prob(z) - p.log_prob(z), np.float64)
    negative = -np.asarray(model.vae.decoder.likelihood(z).log_prob(x), np.float64)
    for values, right in ((kl, exact.kl), (negative, exact.negative_log_likelihood)):
        assert np.all(np.abs(values.mean(0) - right) < 6 * values.std(0) / np.sqrt(draws))


def test_the_importance_weighted_bound_goes_from_the_elbo_to_the_evidence():
    model = small_model(Case(latent_dim=1, seed=0))
    x = model.examples(2)
    model.be_off_by(0.5, x)
    exact = model.exact(model.batch(x))
    bounds = [exact.importance_weighted(samples).mean() for samples in (1, 5, 50)]
    assert bounds[0] == pytest.approx(exact.negative_elbo.mean(), abs=0.05)
    assert bounds[0] > bounds[1] > bounds[2]
    assert 0 < bounds[2] - exact.negative_log_evidence.mean() < 0.1


def test_moving_the_encoder_moves_nothing_else():
    model = small_model(Case(latent_dim=2, seed=4))
    before = [tf.identity(v.value) for v in model.vae.decoder.trainable_variables]
    model.be_off_by(1.0, model.examples(2))
    for old, new in zip(before, model.vae.decoder.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new.value)

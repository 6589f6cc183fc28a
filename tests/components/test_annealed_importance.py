"""Annealed importance sampling against the exact log p(x): of linear Gaussian models, and by quadrature."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.components.metrics.annealed_importance import AnnealedImportance, Chains, simulated
from probvae.components.metrics.chunks import chunks
from probvae.core import REAL, VAE, Batch, Data, DataInfo, Split, fold_in
from probvae.errors import ConfigError
from probvae.testing.case import Case
from probvae.testing.linear_gaussian import small_model

N = 40


def data_of(x):
    test = Split(np.asarray(x, np.float32))
    return Data(DataInfo((3,), REAL, (N, N, N), "made up", "here"), test, test, test)


def test_chains_bracket_the_truth_whatever_the_encoder():
    """The encoder is that of the prior. The chains see each simulated example as the metric does."""
    model = small_model(Case(latent_dim=3, seed=4))
    model.be_prior()
    data = data_of(0.5 * model.examples(N))
    found = AnnealedImportance(N, chains=4, steps=400, leapfrog_steps=3)(model.vae, data, 3)
    test, noise = next(chunks(data.test, 3))
    batch, _ = simulated(model.vae, test, fold_in(noise, 2))
    truth = model.log_evidence(batch).mean()
    gap = found["simulated_gap"]
    assert not gap.note
    assert gap.value == pytest.approx(found["simulated_upper"].value - found["simulated_lower"].value)
    assert -3 * gap.standard_error < gap.value < 0.15
    for name in ("simulated_lower", "simulated_upper"):
        assert found[name].value == pytest.approx(truth, abs=0.1)
    assert found["annealed"].value == pytest.approx(model.log_evidence(model.batch(test.x)).mean(), abs=0.1)
    assert found["difference"].value == pytest.approx(0, abs=0.1)


def test_chains_find_the_narrow_posteriors_of_a_model_that_is_not_linear():
    """As that of images: hundreds of nats lie between the prior and the posterior, and local modes on the way."""
    keras.utils.set_random_seed(0)
    event, size = (300,), 6
    decoder = c.NetworkDecoder(c.Dense((50,), activation="tanh"), c.Bernoulli(event), 2)
    vae = VAE(c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), event), decoder, c.StandardNormal(2))
    for variable in decoder.trainable_variables:
        variable.assign(tf.random.stateless_normal(variable.shape, (1, len(variable.shape))))
    batch, z = simulated(vae, Batch(tf.zeros((size, *event))), (1, 2))
    axis = np.linspace(-5, 5, 400, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 1, 2)
    log_joint = [vae.log_joint(batch.x, np.repeat(part, size, 1)) for part in np.split(grid, 40)]
    log_joint = np.concatenate(log_joint).astype(np.float64)
    truth = np.logaddexp.reduce(log_joint) + 2 * np.log(axis[1] - axis[0])
    assert np.mean(log_joint.max(axis=0) - np.median(log_joint, axis=0)) > 100
    chains = Chains(vae, count=10, steps=200, leapfrog_steps=5)
    below, above = chains.from_prior(batch, (3, 4)) - truth, chains.from_posterior(batch, z, (5, 6)) - truth
    assert -1.5 < below.mean() < 0.3
    assert -0.3 < above.mean() < 1.5


def test_weights_are_unbiased_in_both_directions_however_few_steps_there_are():
    """E[w] = p(x) of chains from the prior, and E[1/w] = 1/p(x) of chains from the posterior."""
    model, size = small_model(Case(latent_dim=2, seed=4)), 4000
    batch, z = simulated(model.vae, Batch(tf.zeros((size, *model.vae.event_shape))), (1, 2))
    truth, chains = model.log_evidence(batch), Chains(model.vae, count=1, steps=3, leapfrog_steps=3)
    below, above = chains.from_prior(batch, (3, 4)), chains.from_posterior(batch, z, (5, 6))
    for ratios in (np.exp(below - truth), np.exp(truth - above)):
        assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / np.sqrt(size))
        assert ratios.std() / np.sqrt(size) < 0.05


def test_chains_that_are_too_short_are_said_to_be():
    model = small_model(Case(latent_dim=3, seed=4))
    found = AnnealedImportance(N, chains=1, steps=1, leapfrog_steps=1)(model.vae, data_of(model.examples(N)), 3)
    gap = found["simulated_gap"]
    assert gap.value > 1
    assert gap.note == (
        f"the chains are too short: the numbers may be {gap.value:.1f} nats below log p(x), and the difference "
        "says nothing of the encoder; raise steps, here 1, until the gap is small"
    )


def test_there_may_be_more_examples_than_a_chunk_has(monkeypatch):
    monkeypatch.setattr("probvae.components.metrics.chunks.CHUNK", 4)
    model = small_model(Case(latent_dim=3, seed=4))
    data = data_of(model.examples(7))
    found, few = (AnnealedImportance(count, chains=1, steps=2)(model.vae, data, 3) for count in (7, 4))
    assert found["annealed"].unit == "nats per example, 7 of the test data"
    assert found["annealed"] != few["annealed"]


def test_latents_that_are_no_real_numbers_are_refused():
    encoder = c.NetworkEncoder(c.Dense(hidden=(4,)), c.ConcretePosterior(3), (3,))
    vae = VAE(encoder, c.NetworkDecoder(c.Dense(hidden=(4,)), c.Normal((3,)), 3), c.ConcretePrior(3))
    with pytest.raises(ConfigError, match="expected latents that are real numbers"):
        AnnealedImportance().check(vae, data_of(np.zeros((N, 3))))

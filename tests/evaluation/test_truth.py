"""Estimates against the exact log p(x): of linear Gaussian models, and by quadrature of one that is not linear."""

import math
import resource

import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.core import VAE, Split
from probvae.evaluation import Bounds, bounds, example_bounds
from probvae.testing.case import Case
from probvae.testing.linear_gaussian import small_model

from .test_likelihood import Weighing, drawn

X = 8


OFF = 0.2  # nats by which the posterior is off


def linear(latents):
    """A model whose posterior has the right shape in the wrong place, some examples, and their exact log p(x)."""
    model = small_model(Case(latent_dim=latents, seed=2 * latents))
    batch = model.batch(model.examples(X))
    model.be_exact()
    off = 1.0
    last = model.vae.encoder.network.last
    exact = last.bias.numpy()
    for _ in range(2):  # the divergence is a square of the distance
        last.bias.assign(exact + off * (np.arange(len(exact)) < latents))
        known = model.exact(batch)
        off *= math.sqrt(OFF / (known.negative_elbo - known.negative_log_evidence).mean())
    return model.vae, batch.x.numpy(), -known.negative_log_evidence


def assert_covered(latents, samples, repetitions):
    """Means over X examples are within 3 Monte Carlo errors of the truth, which are their standard deviation."""
    vae, x, truth = linear(latents)
    found = example_bounds(vae, Split(np.tile(x, (repetitions, 1))), samples)
    each = [
        Bounds.of({name: values[start : start + X] for name, values in found.items()}, samples)
        for start in range(0, repetitions * X, X)
    ]
    estimates = [one.importance_weighted for one in each]
    apart = np.array([(one.value - truth.mean()) / one.monte_carlo_error for one in estimates])
    assert np.mean(np.abs(apart) < 3) >= 0.99
    assert apart.std() == pytest.approx(1, rel=5 / np.sqrt(2 * repetitions))
    lower = np.array([one.elbo.value for one in each])
    error = np.mean([one.elbo.monte_carlo_error for one in each])
    assert truth.mean() - lower.mean() == pytest.approx(OFF, abs=5 * error / np.sqrt(repetitions) + 2e-3)
    assert lower.std(ddof=1) == pytest.approx(error, rel=5 / np.sqrt(2 * repetitions))


@pytest.mark.parametrize("latents", [1, 3])
def test_an_estimate_is_within_three_of_its_errors_from_the_truth(latents):
    assert_covered(latents, samples=400, repetitions=100)


@pytest.mark.slow
@pytest.mark.parametrize("latents", [1, 2, 3, 6])
def test_300_estimates_are_within_three_of_their_errors_from_the_truth(latents):
    assert_covered(latents, samples=3000, repetitions=300)


def test_the_bound_rises_with_the_samples_to_the_truth_in_mean():
    vae, x, truth = linear(3)
    repeated = Split(np.tile(x, (100, 1)))
    values = [bounds(vae, repeated, samples).importance_weighted.value for samples in (1, 4, 16, 256)]
    assert values == sorted(values)
    assert truth.mean() - values[0] == pytest.approx(OFF, abs=0.1)
    assert abs(truth.mean() - values[-1]) < 0.01


def test_a_model_that_is_not_linear_agrees_with_quadrature():
    rng = np.random.default_rng(0)
    encoder = c.NetworkEncoder(c.Dense(hidden=(8,)), c.DiagonalNormal(2), (6,))
    decoder = c.NetworkDecoder(c.Dense(hidden=(8,), activation="tanh"), c.Bernoulli((6,)), 2)
    vae = VAE(encoder, decoder, c.StandardNormal(2))
    for variable in vae.trainable_variables:
        variable.assign(rng.normal(scale=0.7, size=variable.shape))
    last = encoder.network.last  # whose posteriors are at least as broad as the prior
    last.kernel.assign(0.2 * last.kernel)
    last.bias.assign([0.0, 0.0, 1.0, 1.0])
    x = (rng.random((10, 6)) < 0.5).astype(np.float32)
    line = np.linspace(-8, 8, 201)
    z = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 1, 2).astype(np.float32)
    log_joint = vae.log_joint(x, np.broadcast_to(z, (len(z), 10, 2))).numpy().astype(np.float64)
    truth = np.logaddexp.reduce(log_joint) + 2 * np.log(line[1] - line[0])
    found = example_bounds(vae, Split(x), 5_000)
    np.testing.assert_allclose(found["importance_weighted"].mean(), truth.mean(), atol=0.01)
    errors = np.sqrt(1 / found["effective_sample_size"] - 1 / 5_000)
    assert np.all(np.abs(found["importance_weighted"] - truth) < 4 * errors)


def test_the_memory_does_not_grow_with_the_samples():
    """All log-weights of the second would take 80 MB; a repetition of the first may take 10 MB more."""
    model = Weighing(lambda x: tf.reduce_sum(x, axis=-1))
    example_bounds(model, drawn(100), 10_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    example_bounds(model, drawn(100), 100_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # kB

"""Models with latents on the sphere: bounds, training, figures."""

import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import probvae
import pytest
import tensorflow as tf
from probvae.components import (
    Bernoulli,
    Dense,
    DiagonalNormal,
    NetworkDecoder,
    NetworkEncoder,
    StandardNormal,
    Vamp,
)
from probvae.errors import ShapeError
from rich.console import Console

from probvae_hyperspherical.posterior import VonMisesFisherPosterior
from probvae_hyperspherical.prior import UniformOnSphere

ROOT = Path(__file__).parent.parent
LAST = tf.constant(10**6)
every_dimension = pytest.mark.parametrize("D", [2, 3, 8])


def vae(D, prior=None):
    encoder = NetworkEncoder(Dense((16,)), VonMisesFisherPosterior(D), (4,))
    return probvae.VAE(encoder, NetworkDecoder(Dense((16,)), Bernoulli((4,)), D), (prior or UniformOnSphere)(D))


def images(count):
    return tf.constant(np.random.default_rng(0).random((count, 4)) < 0.5, tf.float32)


@every_dimension
def test_the_exact_bound_is_the_mean_of_the_estimated_one(D):
    model, x = vae(D), images(5)  # large inputs make concentrated posteriors
    assert probvae.ELBO(kl="exact").describe(model) == probvae.ELBO().describe(model) == {"kl": "exact"}
    exact = probvae.ELBO(kl="exact", samples=4000)(model, probvae.Batch(x), 1, LAST).terms["kl"]
    q, p = model.posterior(x), model.prior.distribution()
    z, log_q = q.experimental_sample_and_log_prob(4000, seed=[1, 2])
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-5)
    estimates = (log_q - p.log_prob(z)).numpy()
    error = estimates.std(0) / np.sqrt(len(estimates))
    np.testing.assert_array_less(np.abs(estimates.mean(0) - exact), 4.5 * error + 1e-6)


@every_dimension
def test_more_importance_samples_make_a_tighter_bound(D):
    model, x = vae(D), images(5)
    log_weights = model.log_weights(x, 4000, seed=0)
    assert log_weights.shape == (4000, 5)
    tight = tf.reduce_logsumexp(log_weights, axis=0) - np.log(4000)
    assert np.all(tight > tf.reduce_mean(log_weights, axis=0))


def test_other_priors_are_refused():
    with pytest.raises(ShapeError, match=r"unit sphere.*all numbers"):
        vae(3, StandardNormal)
    with pytest.raises(ShapeError, match=r"all numbers.*unit sphere"):
        probvae.VAE(
            NetworkEncoder(Dense(), DiagonalNormal(3), (4,)),
            NetworkDecoder(Dense(), Bernoulli((4,)), 3),
            UniformOnSphere(3),
        )


@every_dimension
def test_the_posteriors_of_pseudo_inputs_are_a_prior_on_the_sphere(D):
    encoder = NetworkEncoder(Dense((16,)), VonMisesFisherPosterior(D), (4,))
    model = probvae.VAE(
        encoder, NetworkDecoder(Dense(), Bernoulli((4,)), D), Vamp(encoder, (4,), images(3).numpy(), 3)
    )
    z = model.prior.distribution().sample(100, seed=[1, 2])
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-5)
    each = np.stack([encoder.posterior(u[None]).log_prob(z) for u in images(3)])
    expected = np.log(np.exp(each).mean(0))
    np.testing.assert_allclose(model.prior.distribution().log_prob(z), expected, rtol=1e-4, atol=1e-4)
    assert probvae.ELBO().describe(model) == {"kl": "monte_carlo"}


def around_a_circle(count):
    """Images [count, 8, 8] of a bright spot at a place on a circle, in bytes."""
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, count)[:, None, None]
    y, x = np.mgrid[-3.5:4, -3.5:4]
    distance = (x - 2.5 * np.cos(angle)) ** 2 + (y - 2.5 * np.sin(angle)) ** 2
    return (255 * np.exp(-distance / 2)).astype(np.uint8)


@pytest.mark.parametrize("D", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_a_model_trains_from_a_spec(D, tmp_path):
    np.save(tmp_path / "spots.npy", around_a_circle(600))
    dense = {"network": {"use": "dense", "hidden": [32]}}
    spec = {
        "schema": 1,
        "model": {
            "latent_dim": D,
            "encoder": {**dense, "posterior": {"use": "hyperspherical.von_mises_fisher"}},
            "decoder": {**dense, "likelihood": {"use": "bernoulli"}},
            "prior": {"use": "hyperspherical.uniform"},
        },
        "objective": {"use": "elbo", "kl": "exact"},
        "data": {"use": "arrays", "train": str(tmp_path / "spots.npy"), "divide_by": 255.0, "binarize": "dynamic"},
        "train": {"epochs": 15, "batch_size": 32, "learning_rate": 5e-3},
        "evaluate": {"samples": 10},
    }
    run = probvae.train(spec, tmp_path / "run", console=Console(file=io.StringIO()))
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["validation/loss"] < rows[0]["validation/loss"] - 8
    drawn = {path.stem for path in (run.folder / "figures").iterdir()}
    assert {"curves", "samples", "reconstructions", "latent_map"} <= drawn
    model = probvae.load(run.folder)
    x = around_a_circle(200)[..., None] / 255
    q = model.posterior(x)
    z = q.sample(3, seed=[1, 2])
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-5)
    # What has been learned is not the prior: the posteriors are far from even, and lie all around.
    assert np.median(q.kl_divergence(model.prior.distribution())) > 0.5
    assert np.linalg.norm(tf.reduce_mean(q.mode(), axis=0)) < 0.6


def test_the_plugin_imports_no_tensorflow():
    code = "import sys, probvae_hyperspherical.plugin; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def shown(language):
    """The one block of a language in the README."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), re.S | re.M)
    return block


def test_the_spec_of_the_readme_is_the_example():
    example = (ROOT / "examples" / "fashion_sphere.toml").read_text()
    assert tomllib.loads(shown("toml")) == tomllib.loads(example)


def test_the_lines_of_the_readme_run():
    names = {}
    exec(shown("python"), names)
    assert (names["z"].shape, names["log_q"].shape, names["kl"].shape) == ((5, 8, 10), (5, 8), (8,))

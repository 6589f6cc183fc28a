"""Training in bfloat16: distributions stay in float32, and the model is as good."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import probvae
from probvae.core import Encoder, named_variables
from probvae.errors import ShapeError, SpecError
from probvae.runs import build

from .setups import PARTS, PRIORS, rows, spec, tiny_images, train

FASHION = {"use": "fashion_mini"}
TOLERANCE = 0.5  # nats per example, of about 290: what another seed changes


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)


@pytest.mark.traced
@pytest.mark.parametrize("epochs", [3, pytest.param(6, marks=pytest.mark.slow)])
def test_bfloat16_reaches_the_same_bound_on_real_images(epochs, tmp_path, undrawn):
    """With the same noise: XLA's is another."""

    def bound(precision):
        wanted = copy.deepcopy(
            spec(FASHION, epochs=epochs, batch_size=128, learning_rate=1e-3, jit=False, precision=precision)
        )
        for part in ("encoder", "decoder"):
            wanted["model"][part]["network"]["hidden"] = [300]
        run, text = train(wanted, tmp_path / precision)
        assert f"Step:       {precision}, not compiled" in text
        return rows(run)[-1]["validation/loss"]

    assert bound("mixed_bfloat16") == pytest.approx(bound("float32"), abs=TOLERANCE)


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("prior", PRIORS)
def test_layers_of_encoder_and_decoder_compute_in_bfloat16_and_nothing_else_does(prior, parts, tmp_path):
    model = build(spec(tiny_images(tmp_path), prior, parts, precision="mixed_bfloat16"))
    assert keras.config.dtype_policy().name == "float32"
    numbers = {name: variable for name, variable in named_variables(model).items() if name != "prior/rows"}
    assert {variable.dtype for variable in numbers.values()} == {"float32"}
    layers = [layer for layer in model.encoder.network._flatten_layers() if layer.weights]
    assert {layer.compute_dtype for layer in layers} == {"bfloat16", "float32"}
    assert model.encoder.network.last.compute_dtype == "float32"
    if prior not in ("vamp", "exemplar"):  # which hold the encoder
        assert {layer.compute_dtype for layer in model.prior._flatten_layers()} == {"float32"}
    x, c = model.zeros(3)[:2]
    q = model.posterior(x, c)
    for distribution in (q, model.likelihood(q.sample(seed=[0, 1]), c), model.prior_given(c)):
        assert distribution.dtype == tf.float32
    assert model.log_weights(x, 2, 0, c).dtype == tf.float32


def test_bfloat16_is_what_the_layers_compute_in(tmp_path):
    """Its outputs differ from float32's by about 2^-8, and not by more."""
    data = tiny_images(tmp_path)
    outputs = {}
    for precision in ("float32", "mixed_bfloat16"):
        model = build(spec(data, precision=precision))
        outputs[precision] = model.posterior(tf.ones((1, *model.event_shape))).mean().numpy()
    difference = np.abs(outputs["float32"] - outputs["mixed_bfloat16"]).max() / np.abs(outputs["float32"]).max()
    assert 1e-5 < difference < 0.05


def test_a_run_in_bfloat16_is_loaded_in_bfloat16(tmp_path, undrawn):
    run, _ = train(spec(tiny_images(tmp_path), precision="mixed_bfloat16"), tmp_path / "run")
    assert probvae.load(run.folder).encoder.network.hidden[0].compute_dtype == "bfloat16"


class Careless(Encoder):
    """Makes its distribution in whatever the layers compute in."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(latent_dim)

    def posterior(self, x):
        features = self.dense(tf.reshape(x, (len(x), 16)))
        return tfp.distributions.MultivariateNormalDiag(features, tf.ones_like(features))


def test_a_component_that_would_compute_densities_in_bfloat16_is_refused(tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = Careless(2)
    finally:
        keras.config.set_dtype_policy(policy)
    model = build(spec(tiny_images(tmp_path)))
    with pytest.raises(ShapeError, match=r"Careless: expected q.* in float32; got bfloat16.*tf.cast"):
        probvae.VAE(encoder, model.decoder, model.prior)


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(SpecError, match="mixed_bfloat16"):
        build(spec(tiny_images(tmp_path), precision="float16"))

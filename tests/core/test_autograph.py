"""AutoGraph is left out where nothing needs it, and nowhere else."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.autograph.pyct import transpiler

from probvae import VAE
from probvae import components as c
from probvae.core import Batch, Network, Split, without_autograph
from probvae.data import Batches
from probvae.errors import UserError
from probvae.evaluation import example_bounds, over_examples
from probvae.objectives import ELBO, SemiSupervised
from probvae.runs import inference
from probvae.training import TrainSettings
from probvae.training.steps import CompiledSteps

from ..streams import Pages
from ..training.setups import D, E, trained


class Leaky(Network):
    """A network whose source has an `if` on a tensor, which AutoGraph turns into an operation."""

    def make_layers(self, in_shape, out_shape):
        self.hidden = keras.layers.Dense(20, dtype="float32")
        self.linear = keras.layers.Dense(out_shape[0], dtype="float32")

    def map_rows(self, rows):
        outputs = self.linear(self.hidden(rows))
        if tf.reduce_sum(outputs) < 0.0:
            outputs = 0.1 * outputs
        return outputs


class OwnLayer(keras.layers.Layer):
    """A Keras layer of others, in which AutoGraph converts nothing."""

    def build(self, shape):
        self.linear = keras.layers.Dense(4)
        self.linear.build(shape)

    def call(self, rows):
        return self.linear(rows)


class Dimmed(Pages):
    """Streamed examples whose decoding has an `if` on a tensor."""

    def decode(self, content, indices):
        rows = super().decode(content, indices)
        if tf.reduce_max(rows) > 1:
            rows //= 255
        return rows


class OwnELBO(ELBO):
    """An objective of others."""


def model(network):
    encoder = c.NetworkEncoder(network(), c.DiagonalNormal(D), E)
    return VAE(encoder, c.NetworkDecoder(network(), c.Bernoulli(E), D), c.StandardNormal(D))


def function(x):
    return x


@pytest.mark.parametrize(
    ("network", "objective", "left"),
    [
        (lambda: c.Dense((4,)), ELBO, True),
        (lambda: keras.Sequential([keras.layers.Dense(4)]), ELBO, True),
        (OwnLayer, ELBO, True),
        (Leaky, ELBO, False),
        (lambda: c.Dense((4,)), OwnELBO, False),
        (lambda: c.Dense((4,)), lambda: SemiSupervised(OwnELBO()), False),
    ],
    ids=[
        "own",
        "of Keras",
        "a Keras layer of others",
        "a network of others",
        "an objective of others",
        "one inside of ours",
    ],
)
def test_it_is_left_out_where_all_code_is_ours(network, objective, left):
    assert (without_autograph(function, model(network), objective()) is not function) == left


def test_what_others_write_with_an_if_on_a_tensor_trains():
    vae = model(Leaky)
    before = [value.numpy() for value in vae.trainable_variables]
    done = trained(vae, epochs=1)
    assert all(np.any(a != b.numpy()) for a, b in zip(before, vae.trainable_variables, strict=True))
    assert np.isfinite(done.rows[0]["validation/loss"])


@pytest.fixture
def without_room(monkeypatch):
    for module in ("evaluation.weights", "runs.inference"):
        monkeypatch.setattr(f"probvae.{module}.available_memory", lambda: 2 * 4 * 10_001 * 6)


@pytest.mark.usefixtures("without_room")
def test_the_largest_tensor_of_what_others_write_is_found_too():
    vae, split = model(Leaky), Split(np.zeros((50, *E), np.float32))
    with pytest.raises(UserError, match=r"evaluate\.batch_size: .* which make a tensor"):
        example_bounds(vae, split, samples=10_000, batch_size=1_000_000)
    with pytest.raises(UserError, match=r"--count: .* whose decoding takes a tensor"):
        inference._check_room(vae, 10_001)


def test_what_others_write_encodes_the_same_in_a_graph():
    vae, x = model(Leaky), np.eye(6, dtype=np.float32)
    found = over_examples(vae, Split(x), lambda batch, _: {"mean": vae.posterior(batch.x).mean()}, seed=0)
    np.testing.assert_allclose(found["mean"], vae.posterior(x).mean(), rtol=1e-5)


def test_autograph_reads_all_that_a_trace_with_code_of_others_calls(caplog):
    """It knows fewer statements than Python, and leaves a function that has others as it is, with a warning."""
    vae = model(Leaky)

    def everything(x):
        drawn = vae.sample(3), vae.sample(3, mean=True), vae.reconstruct(x)
        return *drawn, vae.log_weights(x, 2, 0), ELBO()(vae, Batch(x), 0, 0).per_example

    tf.function(everything).get_concrete_function(tf.TensorSpec((6, *E)))
    assert not caplog.records


def test_streamed_examples_of_others_are_decoded_with_it():
    stored = 255 * np.eye(8, 6, dtype=np.uint8)
    batches = Batches(Split(Dimmed(stored)), 8, seed=0)
    batch = next(batches.stream(0))
    np.testing.assert_array_equal(batch.x, stored[batch.rows] / 255)


@pytest.fixture
def converted(monkeypatch):
    """The names of the functions that AutoGraph converts meanwhile."""
    names, convert = set(), transpiler.PyToPy.transform_function

    def seen(self, function, context):
        names.add(function.__qualname__)
        return convert(self, function, context)

    monkeypatch.setattr(transpiler.PyToPy, "transform_function", seen)
    return names


def test_of_a_training_by_ours_only_the_loop_of_steps_is_converted(converted):
    trained(model(lambda: c.Dense((4,))), epochs=1)
    assert converted == {"CompiledSteps._loop"}


def test_nor_is_more_to_explain_a_gradient_or_to_agree(converted):
    steps = CompiledSteps(model(lambda: c.Dense((4,))), ELBO(), TrainSettings().optimizer(1), seed=0)
    steps.gradient_sizes(Batches(Split(np.eye(8, *E, dtype=np.float32)), 8, seed=0).batch(0), 0)
    steps.agree(1)
    assert not converted

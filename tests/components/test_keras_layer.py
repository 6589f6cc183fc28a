"""A plain Keras layer or model is a network."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import ELBO, VAE
from probvae import components as c
from probvae.core import Prior, dtype_policy, named_variables
from probvae.errors import ConfigError, ShapeError

E = (6, 6, 1)
X = np.random.default_rng(0).random((5, *E)).astype(np.float32)
L = keras.layers
tfd = tfp.distributions


class Own(keras.layers.Layer):
    """A layer without `build`, whose parts are built on first use."""

    def __init__(self):
        super().__init__()
        self.parts = [L.Flatten(), L.Dense(7, "elu")]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def functional():
    image = keras.Input(E)
    features = L.Flatten()(L.Conv2D(3, 3, activation="relu")(image))
    return keras.Model(image, L.Dense(8)(features))


class WithOwnLoss(keras.layers.Layer):
    """The identity, with a loss that Keras' own `fit` would add."""

    def call(self, x):
        self.add_loss(tf.reduce_mean(x**2))
        return x


MODELS = {
    "a sequential model": lambda: keras.Sequential([L.Flatten(), L.Dense(8, "relu")]),
    "a functional model": functional,
    "a layer that is built on first use": Own,
    "a layer without variables": L.GlobalAveragePooling2D,
}


def encoder(layer, latents=2):
    return c.NetworkEncoder(layer, c.DiagonalNormal(latents), E)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_feature_vectors_go_through_a_linear_layer_to_the_parameters_of_the_head(make):
    network = encoder(make()).network
    features = network.layer(X)
    kernel, bias = network.last.kernel.numpy(), network.last.bias.numpy()
    np.testing.assert_allclose(network.outputs(X), features @ kernel + bias, atol=1e-5)


def test_outputs_of_the_shape_that_the_head_asks_for_are_used_as_they_are():
    layer = keras.Sequential([L.Flatten(), L.Dense(4)])
    network = encoder(layer).network
    assert network.last is None
    np.testing.assert_allclose(network.outputs(X), layer(X), atol=1e-6)


def test_a_decoder_takes_a_model_that_makes_images():
    layer = keras.Sequential([L.Dense(36), L.Reshape(E), L.Conv2DTranspose(1, 3, padding="same")])
    decoder = c.NetworkDecoder(layer, c.Bernoulli(E), 2)
    z = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    logits = decoder.likelihood(z).distribution.logits
    np.testing.assert_allclose(logits, tf.reshape(layer(z.reshape(-1, 2)), (4, 5, *E)), atol=1e-5)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_its_variables_are_named_restored_and_copied(make):
    one, other = encoder(make()), encoder(make())
    names = named_variables(one)
    assert len(names) == len(one.variables)
    assert all(name.startswith(("network/layer/", "network/last/")) for name in names)
    assert list(names) == list(named_variables(other))
    for variable, saved in zip(named_variables(other).values(), names.values(), strict=True):
        variable.assign(saved)
    expected = one.posterior(X).mean()
    copied = copy.deepcopy(one)
    for variable in one.variables:
        variable.assign(tf.zeros_like(variable))
    np.testing.assert_allclose(other.posterior(X).mean(), expected, atol=1e-6)
    np.testing.assert_allclose(copied.posterior(X).mean(), expected, atol=1e-6)
    with tf.GradientTape() as tape:
        copied.posterior(X)
    assert {id(v) for v in tape.watched_variables()} == {id(v.value) for v in copied.trainable_variables}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_all_of_it_learns(make):
    vae = VAE(encoder(make()), c.NetworkDecoder(c.Dense((4,)), c.Bernoulli(E), 2), c.StandardNormal(2))
    before = {name: variable.numpy() for name, variable in named_variables(vae).items()}
    vae.compile("adam", objective=ELBO())
    vae.fit((X > 0.5).astype(np.float32), epochs=3, batch_size=5, verbose=0)
    unchanged = [name for name, v in named_variables(vae).items() if np.array_equal(v.numpy(), before[name])]
    assert unchanged == []


def test_it_may_compute_in_bfloat16():
    with dtype_policy("mixed_bfloat16"):
        layer = keras.Sequential([L.Flatten(), L.Dense(8, "relu")])
    network = encoder(layer).network
    assert network.layer(X).dtype == tf.bfloat16
    assert network.outputs(X).dtype == tf.float32


WRONG = {
    "maps of features": (lambda: L.Conv2D(3, 3), r"or feature vectors \[N, F\].*; got \[N, 4, 4, 3\]"),
    "two outputs": (
        lambda: keras.Model(i := keras.Input(E), [i, i]),
        r"got no tensor",
    ),
    "another input": (lambda: L.LSTM(3), r"expected it to take inputs \[N, 6, 6, 1\]; got ValueError"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_a_layer_of_other_shapes_is_refused(make, message):
    with pytest.raises(ShapeError, match=rf"the Keras layer '\w+': .*{message}"):
        encoder(make())


@pytest.mark.parametrize("make", [L.BatchNormalization, lambda: L.Dropout(0.5)], ids=["batch norm", "dropout"])
def test_a_layer_that_behaves_otherwise_in_training_is_refused(make):
    with pytest.raises(ConfigError, match=r"got other outputs in training mode.*LayerNormalization") as error:
        encoder(keras.Sequential([L.Flatten(), make(), L.Dense(4)]))
    assert error.value.parameter == "network"


def test_what_does_nothing_in_training_is_accepted():
    frozen = L.BatchNormalization(trainable=False)
    encoder(keras.Sequential([L.Flatten(), L.Dropout(0.0), frozen, L.LayerNormalization(), L.Dense(4)]))


def test_a_component_of_another_kind_is_no_network():
    with pytest.raises(ConfigError, match="expected network to be a network; got <DiagonalNormal"):
        encoder(c.DiagonalNormal(2))


def test_a_layer_without_finite_outputs_is_a_function_of_its_rows_all_the_same():
    logarithm = keras.Sequential([L.Flatten(), L.Lambda(tf.math.log)])
    assert encoder(logarithm).network.layer is logarithm


class Regularized(Prior):
    """A prior with a Keras layer in a list."""

    def __init__(self):
        super().__init__()
        self.layers = [L.Dense(2, kernel_regularizer="l2")]

    def distribution(self):
        return tfd.MultivariateNormalDiag(self.layers[0](tf.ones((1, 3)))[0], tf.ones(2))


OWN_LOSSES = {
    "a kernel's regularizer": (
        L.Dense(4, kernel_regularizer="l2", name="own"),
        "a regularizer in the Dense 'own'",
    ),
    "an activity regularizer": (L.Dense(4, activity_regularizer="l2", name="own"), "activity .* the Dense 'own'"),
    "add_loss": (WithOwnLoss(name="own"), "a loss by add_loss .* in the WithOwnLoss 'own'"),
}


@pytest.mark.parametrize("case", OWN_LOSSES)
def test_a_model_refuses_layers_with_losses_that_no_objective_sees(case):
    layer, message = OWN_LOSSES[case]
    network = keras.Sequential([L.Flatten(), layer])
    with pytest.raises(ConfigError, match=f"encoder: expected layers without losses of their own.*{message}"):
        VAE(encoder(network), c.NetworkDecoder(c.Dense((2,)), c.Bernoulli(E), 2), c.StandardNormal(2))


def test_a_model_refuses_them_in_any_component():
    with pytest.raises(ConfigError, match=r"prior: expected layers without losses .* a regularizer in the Dense"):
        VAE(encoder(c.Dense((2,))), c.NetworkDecoder(c.Dense((2,)), c.Bernoulli(E), 2), Regularized())


def test_a_frozen_layer_may_have_a_regularizer():
    layer = L.Dense(4, kernel_regularizer="l2", trainable=False)
    VAE(
        encoder(keras.Sequential([L.Flatten(), layer])),
        c.NetworkDecoder(c.Dense((2,)), c.Bernoulli(E), 2),
        c.StandardNormal(2),
    )

"""Models are copied in memory and never serialized with their code."""

import copy
import io
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import probvae
from probvae import components as c
from probvae.core import named_variables
from probvae.errors import UserError
from probvae.objectives import ELBO

from .tiny_models import D, E, binary_data, encoder, normal_prior, tiny_vae

tfb, tfd = tfp.bijectors, tfp.distributions


def raw_variables(self):
    self.loc = tf.Variable(tf.zeros(D))
    scale = tfp.util.TransformedVariable(tf.ones(D), tfb.Softplus())
    self.normal = tfd.MultivariateNormalDiag(self.loc, scale)


def in_a_closure(self):
    loc = self.adopt(tf.Variable(tf.zeros(D)), "loc")
    self.shift = lambda: loc


SHARED = encoder()
PRIORS = {
    "mixture": lambda: c.Mixture(D, 3),
    "vamp, which shares the encoder": lambda: c.Vamp(SHARED, E, binary_data(20), 4),
    "realnvp": lambda: c.RealNVP(D, 2, (4,)),
    "raw variables inside of a distribution": lambda: normal_prior(raw_variables, lambda self: self.normal),
}


@pytest.mark.parametrize("prior", PRIORS)
def test_a_copy_is_equal_and_shares_no_variable(prior):
    vae, x = tiny_vae(PRIORS[prior](), encoder=SHARED), binary_data(5)
    copied = copy.deepcopy(vae)
    ours, theirs = named_variables(vae), named_variables(copied)
    assert list(ours) == list(theirs)
    assert not {id(v.value) for v in ours.values()} & {id(v.value) for v in theirs.values()}
    expected = vae.log_weights(x, 3, 0)
    np.testing.assert_array_equal(copied.log_weights(x, 3, 0), expected)
    copied.compile(keras.optimizers.Adam(0.1), ELBO(kl="monte_carlo"), run_eagerly=True)
    copied.fit(x, verbose=0)
    np.testing.assert_array_equal(vae.log_weights(x, 3, 0), expected)
    assert np.any(copied.log_weights(x, 3, 0) != expected)


def test_a_part_that_two_hold_is_copied_once():
    copied = copy.deepcopy(tiny_vae(PRIORS["vamp, which shares the encoder"](), encoder=SHARED))
    assert copied.prior.encoder is copied.encoder


class Noisy(probvae.Network):
    def make_layers(self, in_shape, out_shape):
        self.noise = [keras.layers.GaussianNoise(1.0), keras.layers.LSTM(2, dropout=0.5)]

    def map_rows(self, rows):
        return self.noise[0](rows, training=True)


def test_a_copy_has_random_states_of_its_own_that_start_where_those_of_the_original_are():
    network, x = Noisy().connect((3,), (3,)), tf.zeros((2, 3))
    network.outputs(x)
    copied = copy.deepcopy(network)
    np.testing.assert_array_equal(copied.outputs(x), network.outputs(x))
    again = network.outputs(x)
    assert np.any(again != network.outputs(x))
    np.testing.assert_array_equal(copied.outputs(x), again)


def test_a_component_is_copied_by_itself():
    mixture = c.Mixture(D, 3)
    copied = copy.deepcopy(mixture)
    z = tf.zeros((2, D))
    np.testing.assert_array_equal(copied.distribution().log_prob(z), mixture.distribution().log_prob(z))
    assert copied.loc is not mixture.loc


def test_variables_behind_a_closure_are_not_copied_and_the_error_names_them():
    prior = normal_prior(in_a_closure, lambda self: tfd.MultivariateNormalDiag(self.shift(), tf.ones(D)))
    with pytest.raises(UserError, match=r"a copy would share prior/loc, which a function"):
        copy.deepcopy(tiny_vae(prior))


WITH_CODE = {
    "save to .keras": lambda vae, folder: vae.save(folder / "m.keras"),
    "pickle": lambda vae, folder: pickle.dump(vae, io.BytesIO()),
    "clone": lambda vae, folder: keras.models.clone_model(vae),
    "pickle of a component": lambda vae, folder: pickle.dumps(vae.encoder),
    "the default ModelCheckpoint": lambda vae, folder: vae.fit(
        binary_data(), verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(folder / "m.keras", "loss")]
    ),
}


@pytest.mark.parametrize("way", WITH_CODE)
def test_what_would_store_code_names_what_to_use_instead(way, tmp_path):
    vae = tiny_vae()
    vae.compile("adam", ELBO(), run_eagerly=True)
    with pytest.raises(UserError, match=r"save_weights\(.*save_weights_only=True.*probvae.load.*copy.deepcopy"):
        WITH_CODE[way](vae, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_export_reconstructs_batches_of_any_size(tmp_path):
    vae, x = tiny_vae(), binary_data(5)
    vae.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.serve(x), vae(x), atol=1e-6)

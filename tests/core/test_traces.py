"""A model that is not used any more leaves no memory behind."""

import gc
import weakref

import tensorflow as tf

from probvae import VAE
from probvae.components import Bernoulli, Dense, DiagonalNormal, Mixture, NetworkDecoder, NetworkEncoder


def model():
    encoder = NetworkEncoder(Dense(hidden=(4,)), DiagonalNormal(2), (4, 4))
    return VAE(encoder, NetworkDecoder(Dense(hidden=(4,)), Bernoulli((4, 4)), 2), Mixture(2, 3))


def used(vae):
    """The graph of a function of a model, traced and run."""
    function = tf.function(lambda x: vae.log_weights(x, 1, (0, 1)))
    function(tf.zeros((2, 4, 4)))
    return weakref.ref(function.get_concrete_function(tf.zeros((2, 4, 4))).graph)


def test_a_model_and_its_graphs_are_garbage_once_another_is_made():
    vae = model()
    graph, gone = used(vae), weakref.ref(vae)
    del vae
    gc.collect()
    assert gone() is None
    model()
    gc.collect()
    assert graph() is None

"""AutoGraph is left out where nothing needs it, and nowhere else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae import VAE
from probvae import components as c
from probvae.core import Network, without_autograph
from probvae.objectives import ELBO, SemiSupervised

from ..training.setups import D, E, trained


class Leaky(Network):
    """A network whose source has an `if` on a tensor, which AutoGraph turns into an operation."""

    def make_layers(self, in_shape, out_shape):
        self.linear = keras.layers.Dense(out_shape[0], dtype="float32")

    def map_rows(self, rows):
        outputs = self.linear(rows)
        if tf.reduce_sum(outputs) < 0.0:
            outputs = 0.1 * outputs
        return outputs


class OwnELBO(ELBO):
    """An objective of others."""


def model(network):
    encoder = c.NetworkEncoder(network, c.DiagonalNormal(D), E)
    return VAE(encoder, c.NetworkDecoder(c.Dense((4,)), c.Bernoulli(E), D), c.StandardNormal(D))


def function(x):
    return x


@pytest.mark.parametrize(
    ("network", "objective", "left"),
    [
        (lambda: c.Dense((4,)), ELBO, True),
        (lambda: keras.Sequential([keras.layers.Dense(4)]), ELBO, True),
        (Leaky, ELBO, False),
        (lambda: c.Dense((4,)), OwnELBO, False),
        (lambda: c.Dense((4,)), lambda: SemiSupervised(OwnELBO()), False),
    ],
    ids=["own", "of Keras", "a network of others", "an objective of others", "one inside of ours"],
)
def test_it_is_left_out_where_all_code_is_ours(network, objective, left):
    assert (without_autograph(function, model(network()), objective()) is not function) == left


def test_what_others_write_with_an_if_on_a_tensor_trains():
    encoder = c.NetworkEncoder(Leaky(), c.DiagonalNormal(D), E)
    vae = VAE(encoder, c.NetworkDecoder(c.Dense((4,)), c.Bernoulli(E), D), c.StandardNormal(D))
    before = [value.numpy() for value in vae.trainable_variables]
    done = trained(vae, epochs=1)
    assert all(np.any(a != b.numpy()) for a, b in zip(before, vae.trainable_variables, strict=True))
    assert np.isfinite(done.rows[0]["validation/loss"])

"""What a spec refuses, a constructor refuses too; and latents of two supports are not compared."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import probvae
from probvae import components as c
from probvae.core import SIMPLEX, SPHERE, UNIT, VAE, Prior, Values
from probvae.errors import ConfigError, ShapeError


@pytest.mark.parametrize(
    ("make", "parameter", "message"),
    [
        (lambda: c.Mixture(2, 0), "components", "Mixture: expected components to be an integer >= 1; got 0."),
        (lambda: c.Mixture(2.5), "latent_dim", "Mixture: expected latent_dim to be an integer >= 1; got 2.5."),
        (lambda: c.Mixture(2, components=True), "components", "an integer >= 1; got True"),
        (lambda: c.Mixture(2, components="16"), "components", "an integer >= 1; got '16'"),
        (lambda: c.RealNVP(2, hidden=(8, 0)), "hidden", r"a list, each an integer >= 1; got \(8, 0\)"),
        (lambda: probvae.ELBO(kl="exakt"), "kl", "one of 'auto', 'exact', 'monte_carlo'; got 'exakt'"),
        (lambda: probvae.ELBO(beta=float("nan")), "beta", "a number >= 0; got nan"),
        (lambda: c.Normal((2,), initial_scale=tf.ones(2)), "initial_scale", "a number > 0; got <tf.Tensor"),
        (lambda: c.DenseEncoder((4,), "diagonal_normal"), "posterior", "a posterior; got 'diagonal_normal'"),
        (lambda: c.DenseEncoder((4,), c.Bernoulli((4,))), "posterior", "to be a posterior; got <Bernoulli"),
    ],
)
def test_a_constructor_refuses_what_its_annotations_do_not_allow(make, parameter, message):
    with pytest.raises(ConfigError, match=message) as error:
        make()
    assert error.value.parameter == parameter


def test_numbers_and_shapes_of_the_libraries_are_taken():
    c.Mixture(np.int64(2), components=np.int32(3))
    c.DenseEncoder(tf.TensorShape([4]), c.DiagonalNormal(2, scale_floor=np.float32(0.1)), hidden=[4])
    c.Normal(np.array([2, 3]).tolist(), initial_scale=1)


def test_what_carries_no_annotation_is_left_to_the_class():
    class Free(Prior):
        def __init__(self, latent_dim, anything, unresolved: "Nowhere" = None):  # noqa: F821
            super().__init__()

        def distribution(self):
            return None

    Free("two", anything=object(), unresolved=3)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Free(2)


class Circle(Prior):
    support = SPHERE

    def distribution(self):
        return tfp.distributions.SphericalUniform(2)


def test_a_posterior_and_a_prior_of_two_supports_are_refused():
    decoder = c.DenseDecoder(2, c.Bernoulli((4,)), hidden=())
    encoder = c.DenseEncoder((4,), c.DiagonalNormal(2), hidden=())
    with pytest.raises(ShapeError, match="lives on all numbers, the prior Circle on the unit sphere"):
        VAE(encoder, decoder, Circle())


@pytest.mark.parametrize(
    ("inner", "outer", "inside"),
    [
        (SPHERE, SPHERE, True),
        (SPHERE, SIMPLEX, False),
        (SPHERE, Values(), False),
        (Values(), SPHERE, False),
        (UNIT, Values(), True),
        (Values(), UNIT, False),
    ],
)
def test_a_surface_has_a_measure_of_its_own(inner, outer, inside):
    assert (inner in outer) == inside

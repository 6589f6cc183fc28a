"""Latents of two supports are not compared."""

import pytest
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import SIMPLEX, SPHERE, UNIT, VAE, Prior, Values
from probvae.errors import ShapeError


class Circle(Prior):
    support = SPHERE

    def distribution(self):
        return tfp.distributions.SphericalUniform(2)


def test_a_posterior_and_a_prior_of_two_supports_are_refused():
    decoder = c.NetworkDecoder(c.Dense(hidden=()), c.Bernoulli((4,)), 2)
    encoder = c.NetworkEncoder(c.Dense(hidden=()), c.DiagonalNormal(2), (4,))
    with pytest.raises(ShapeError, match=r"on all numbers and Circle on the unit sphere"):
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

"""The likelihood of columns of several kinds, against those of each kind by itself."""

import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.core import VAE, Batch, GroupedValues
from probvae.errors import ConfigError, UserError
from probvae.objectives import ELBO, IWAE, DReG

GROUPS = (("categories", 3), ("numbers", 1), ("counts", 2), ("numbers", 1), ("categories", 2))
X = np.array([[0, 1, 0, -0.3, 4, 0, 1.2, 1, 0], [1, 0, 0, 0.5, 1, 7, 0.1, 0, 1]], np.float32)
FACTORIALS = np.cumprod([1, *range(1, 8)])
OUTPUTS = np.random.default_rng(0).normal(size=(2, 9)).astype(np.float32)
"""Those of the numbers [:2], of the counts [2:4], and of the categories [4:7] and [7:]."""


def mixed(groups=GROUPS, numbers=None, counts=None):
    return c.Mixed(groups, numbers or c.Normal((2,), "fixed", 0.5), counts or c.Poisson((2,)))


def test_it_is_the_product_of_the_likelihoods_of_the_columns():
    p = mixed().likelihood(OUTPUTS)
    shares = [np.exp(part) / np.exp(part).sum(1, keepdims=True) for part in (OUTPUTS[:, 4:7], OUTPUTS[:, 7:])]
    numbers, counts = X[:, [3, 6]], X[:, 4:6]
    expected = (
        (-0.5 * ((numbers - OUTPUTS[:, :2]) / 0.5) ** 2 - np.log(0.5 * np.sqrt(2 * np.pi))).sum(1)
        + (counts * OUTPUTS[:, 2:4] - np.exp(OUTPUTS[:, 2:4]) - np.log(FACTORIALS[counts.astype(int)])).sum(1)
        + np.log((shares[0] * X[:, :3]).sum(1) * (shares[1] * X[:, 7:]).sum(1))
    )
    np.testing.assert_allclose(p.log_prob(X), expected, rtol=1e-4)
    means = np.concatenate(
        [shares[0], OUTPUTS[:, :1], np.exp(OUTPUTS[:, 2:4]), OUTPUTS[:, 1:2], shares[1]], axis=1
    )
    np.testing.assert_allclose(p.mean(), means, rtol=1e-4)


def test_what_is_not_observed_is_left_out():
    encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), (9,))
    vae = VAE(encoder, c.NetworkDecoder(c.Dense((4,)), mixed(), 2), c.StandardNormal(2))
    z, observed = tf.ones((2, 2)), np.ones((2, 9), bool)
    observed[0, :3] = observed[1, 6] = False  # a whole category, and a number
    found = vae.log_likelihood(X, z, observed=observed)
    each = vae.likelihood(z).distribution.log_prob(X).numpy()
    np.testing.assert_allclose(found, (each * observed).sum(1), rtol=1e-5)
    np.testing.assert_allclose(
        vae.log_joint(X * observed, z, observed=observed) - found, 2 * [-1 - np.log(2 * np.pi)]
    )
    with pytest.raises(UserError, match="x: expected values that the likelihood supports, one-hot vectors; got"):
        vae.log_joint(X * observed, z)


def test_objectives_encode_the_same_examples_where_a_category_is_not_observed():
    encoder = c.NetworkEncoder(c.Dense(()), c.DiagonalNormal(2), (9,))
    vae = VAE(encoder, c.NetworkDecoder(c.Dense(()), mixed(), 2), c.StandardNormal(2))
    observed = np.ones((2, 9), bool)
    observed[0, :3] = False
    batch = Batch(tf.constant(X * observed, tf.float32), observed=tf.constant(observed))
    losses = [each(vae, batch, 0, tf.constant(0)).per_example for each in (IWAE(1), ELBO("monte_carlo"), DReG(1))]
    for loss in losses[1:]:
        np.testing.assert_allclose(loss, losses[0], rtol=1e-5)


def test_it_says_what_its_columns_are():
    head = mixed()
    assert str(head.support) == "3 categories, 1 numbers, 2 counts, 1 numbers, 2 categories"
    assert head.support == GroupedValues(GROUPS)
    assert not head.support.discrete
    assert c.Mixed((("counts", 2), ("categories", 2)), counts=c.Poisson((2,))).support.discrete
    np.testing.assert_array_equal(head.support.some, [1, 0, 0, 0, 0, 0, 0, 1, 0])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"numbers": c.Bernoulli((2,))},
            "a likelihood of numbers, all numbers; got Bernoulli, of 0 and 1 only. Set",
        ),
        ({"counts": c.Poisson((3,))}, "a likelihood of 2 columns of counts; got one of shape [3]"),
        ({"counts": c.Poisson((2,), library_column=0)}, "data without a library size; got library_size = true"),
    ],
    ids=["support", "columns", "library size"],
)
def test_a_likelihood_that_does_not_fit_its_columns_is_refused(parts, message):
    with pytest.raises(ConfigError) as error:
        mixed(**parts)
    assert message in str(error.value)
    assert error.value.parameter == next(iter(parts))


def test_a_likelihood_without_columns_is_refused():
    groups = (("categories", 3),)
    with pytest.raises(
        ConfigError, match=r"expected no likelihood of numbers, as there are no such .*; got Laplace"
    ):
        c.Mixed(groups, numbers=c.Laplace((7,)))
    assert c.Mixed(groups, numbers=c.Normal((0,)), counts=c.NegativeBinomial((0,))).output_shape == (3,)

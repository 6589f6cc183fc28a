"""Estimators of one gradient: the same mean as the plain estimator, and less variance near the exact posterior."""

import numpy as np
import pytest
import tensorflow as tf

from probvae.core import Batch
from probvae.objectives import ELBO, IWAE, STL, DReG

from .linear_gaussian import data, exact_posterior, model, some_posterior

SEEDS = 60
PAIRS = {
    "stl": (STL(), ELBO("monte_carlo")),
    "dreg": (DReG(5), IWAE(5)),
}


def encoder(vae):
    return [vae.encoder.matrix, vae.encoder.shift, vae.encoder.lower]


def put(vae, distance):
    """Put the posterior on the line from the exact one, at 0, to another, at 1."""
    for variable, a, b in zip(encoder(vae), exact_posterior(), some_posterior(), strict=True):
        variable.assign(a + distance * (b - a))


def gradients(objective, vae, variables, count=SEEDS):
    """A function of x: the gradients of the mean loss with many seeds, [count, elements]."""

    @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([2], tf.int32)])
    def gradient(x, seed):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(objective(vae, Batch(x), seed, tf.constant(0)).per_example)
        return tf.concat([tf.reshape(part, [-1]) for part in tape.gradient(loss, variables)], 0)

    return lambda x: np.stack([gradient(x, tf.constant([seed, 1])) for seed in range(count)]).astype(np.float64)


@pytest.mark.parametrize(("objective", "plain"), PAIRS.values(), ids=PAIRS)
def test_the_gradient_has_the_mean_of_the_plain_estimator_and_less_variance_near_the_exact_posterior(
    objective, plain
):
    vae, x = model(), data(2)
    losses = (found(vae, Batch(x), 3, tf.constant(0)).per_example for found in (objective, plain))
    np.testing.assert_allclose(*losses, rtol=1e-5)
    of = [gradients(found, vae, encoder(vae)) for found in (objective, plain)]

    one, other = (found(np.repeat(x, 200, axis=0)) for found in of)
    error = np.hypot(one.std(0, ddof=1), other.std(0, ddof=1)) / np.sqrt(SEEDS)
    assert np.all(np.abs(one.mean(0) - other.mean(0)) < 7 * error + 1e-4)  # Student t, 59 degrees of freedom
    assert np.linalg.norm(other.mean(0)) > 0.5

    for distance, fraction in ((0.0, 1e-6), (0.02, 0.01), (0.1, 0.3)):  # at the exact posterior no noise at all
        put(vae, distance)
        less, more = (found(x).var(0).sum() for found in of)
        print(f"{distance}: {less:.3g} and {more:.3g}")
        assert less < fraction * more


@pytest.mark.parametrize(("objective", "plain"), PAIRS.values(), ids=PAIRS)
def test_the_gradient_of_the_decoder_is_that_of_the_plain_estimator_draw_by_draw(objective, plain):
    vae = model()
    variables = [vae.decoder.matrix, vae.decoder.shift]
    one, other = (gradients(found, vae, variables, count=2)(data(2)) for found in (objective, plain))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)

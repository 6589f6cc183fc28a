"""Noise: standard normal, row by row, and the same with XLA as without."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given
from hypothesis import strategies as st

from probvae import components
from probvae.core import normal_noise, stopped_log_prob

tfd, tfb = tfp.distributions, tfp.bijectors
SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)


def test_numbers_are_normal_noise():
    """The Kolmogorov-Smirnov distance of 200,000 numbers; by its limit law P(sqrt(n) distance > 2.7) < 1e-6."""
    z = normal_noise((200_000,), 3).numpy()
    below = np.arange(len(z)) / len(z)
    distance = np.abs(np.sort(tf.math.erfc(-z.astype(np.float64) / np.sqrt(2)) / 2) - below).max()
    assert np.sqrt(len(z)) * distance < 2.7
    assert abs((z**4).mean() - 3) < 6 * np.sqrt(96 / len(z))  # the variance of z^4 is 96
    assert np.abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 6 / np.sqrt(len(z))


@given(SHAPES, st.integers(0, 2**32))
def test_they_come_in_the_order_of_the_flattened_shape(shape, seed):
    z = normal_noise(shape, seed).numpy()
    assert z.shape == shape
    more = normal_noise((z.size + 7,), seed).numpy()
    np.testing.assert_allclose(z.ravel(), more[: z.size], rtol=1e-6)


@pytest.mark.parametrize("shape", [(7,), (3, 16, 2), (1, 2, 4, 2)])
def test_xla_makes_the_same_numbers(shape):
    made = tf.function(lambda: normal_noise(shape, 5), jit_compile=True)()
    np.testing.assert_allclose(made, normal_noise(shape, 5), rtol=1e-4, atol=1e-5)


HEADS = {
    "diagonal": lambda: components.DiagonalNormal(3),
    "full covariance": lambda: components.FullCovarianceNormal(3),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize(("rows", "parts", "samples"), [(8, 2, 1), (12, 3, 4), (4, 4, 2)])
def test_a_part_of_a_batch_can_be_drawn_as_the_whole_would_be(head, rows, parts, samples):
    """As replicas do: each draws for all of them, and keeps its own."""
    head = head()
    outputs = tf.random.stateless_normal((rows, *head.output_shape), (1, 2))
    whole = head.posterior(outputs).sample(samples, seed=(3, 4)).numpy()
    size = rows // parts
    for part in range(parts):
        own = slice(part * size, (part + 1) * size)
        drawn = head.posterior(outputs[own]).sample((samples, parts), seed=(3, 4)).numpy()
        np.testing.assert_allclose(drawn[:, part], whole[:, own], rtol=1e-5, atol=1e-6)


def of_stopped_parameters(family, parameters, noise_seed):
    """log q(z) and its gradients to the parameters, where q is built from copies that carry none."""
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        z = family(*parameters).sample((4, 5), seed=noise_seed)
        log_q = family(*map(tf.stop_gradient, parameters)).log_prob(tf.identity(z))
    return log_q, tape.gradient(log_q, parameters)


FAMILIES = {
    "normal": tfd.MultivariateNormalDiag,
    "flow": lambda loc, scale: tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(loc, scale), tfb.SinhArcsinh(skewness=0.3)
    ),
    "student_t": lambda loc, scale: tfd.Independent(tfd.StudentT(5.0, loc, scale), 1),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_stopped_log_density_has_the_gradient_of_stopped_parameters(family, compiled):
    rng = np.random.default_rng(0)
    parameters = [
        tf.constant(rng.normal(size=(3, 2)), tf.float32),
        tf.constant(rng.random((3, 2)) + 0.5, tf.float32),
    ]

    def step(*parameters):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            q = family(*parameters)
            log_q = stopped_log_prob(q, q.sample((4, 5), seed=(1, 2)))
        return log_q, tape.gradient(log_q, list(parameters))

    log_q, gradients = (tf.function(step) if compiled else step)(*parameters)
    expected, right = of_stopped_parameters(family, parameters, (1, 2))
    assert log_q.shape == (4, 5, 3)
    np.testing.assert_allclose(log_q, expected, rtol=1e-4, atol=1e-5)
    for one, other in zip(gradients, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_the_stopped_log_density_of_a_normal_has_the_gradient_in_closed_form():
    """z = m + s e: d log q / dz = -e / s, so the gradient to m is -e / s, and to s it is -e² / s."""
    loc, scale = tf.constant([0.3, -1.0]), tf.constant([0.5, 2.0])
    noise = tf.constant(np.random.default_rng(1).normal(size=(6, 2)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([loc, scale])
        log_q = stopped_log_prob(tfd.MultivariateNormalDiag(loc, scale), loc + scale * noise)
    np.testing.assert_allclose(tape.gradient(log_q, loc), tf.reduce_sum(-noise / scale, 0), rtol=1e-4)
    np.testing.assert_allclose(tape.gradient(log_q, scale), tf.reduce_sum(-(noise**2) / scale, 0), rtol=1e-4)

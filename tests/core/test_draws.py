"""Noise: standard normal, row by row, and the same with XLA as without."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from probvae import components
from probvae.core import normal_noise

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

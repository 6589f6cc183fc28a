"""The density of a mixture of normals, against that of TensorFlow Probability in float64."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.mixtures import mixture

tfd = tfp.distributions

K, D, N = 50, 7, 40
EXPONENTS = {"near one": (-0.5, 0.5), "small": (-3, -3), "far apart": (-3, 3)}
"""The range of log10 of the scales."""


def drawn(low, high):
    """Latents near the components, logits, means and scales."""
    random = np.random.default_rng(0)
    scale = 10 ** random.uniform(low, high, (K, D))
    loc = random.normal(size=(K, D))
    component = random.integers(0, K, N)
    z = loc[component] + scale[component] * random.normal(size=(N, D))
    return [value.astype(np.float32) for value in (z, random.normal(size=K), loc, scale)]


def with_gradients(density, arrays):
    z, logits, loc, scale = arrays = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        log_prob = density(logits, loc, scale).log_prob(z)
    return [log_prob.numpy(), *(gradient.numpy() for gradient in tape.gradient(log_prob, arrays))]


def by_tfp(logits, loc, scale):
    return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), tfd.MultivariateNormalDiag(loc, scale))


def as_matrices(logits, loc, scale):
    return mixture(logits, tfd.MultivariateNormalDiag(loc, scale))


@pytest.mark.parametrize("exponents", EXPONENTS.values(), ids=EXPONENTS)
def test_a_mixture_of_normals_has_the_density_and_gradients_of_tfps_in_float64(exponents):
    arrays = drawn(*exponents)
    reference = with_gradients(by_tfp, [array.astype(np.float64) for array in arrays])
    found = with_gradients(as_matrices, arrays)
    for one, other in zip(found, reference, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())
    np.testing.assert_allclose(found[0], reference[0], rtol=1e-5, atol=1e-4)


def test_any_leading_shape_of_latents_broadcasts():
    z, *parameters = drawn(-0.5, 0.5)
    p = as_matrices(*parameters)
    flat = p.log_prob(z)
    np.testing.assert_array_equal(p.log_prob(z.reshape(5, 2, 4, D)), tf.reshape(flat, (5, 2, 4)))
    np.testing.assert_allclose(p.log_prob(z[0]), flat[0], rtol=1e-6)


def test_components_that_are_no_diagonal_normals_are_mixed_by_tfp():
    components = tfd.MultivariateNormalTriL(tf.zeros((2, 3)), tf.eye(3, batch_shape=[2]))
    assert type(mixture(tf.zeros(2), components)) is tfd.MixtureSameFamily

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.report.quantiles import quantile_grid
from probvae.report.style import NoPictureError

tfd = tfp.distributions

LEVELS = np.array([0.01, 0.1, 0.3, 0.5, 0.8, 0.99])
NORMAL = tfd.Normal(0.0, 1.0).quantile(LEVELS.astype(np.float32)).numpy()


def mixture():
    """Three normals: one broad, one narrow, one far away."""
    loc = [[0.0, 0.0], [1.0, -1.0], [9.0, 4.0]]
    scale = [[1.0, 2.0], [0.05, 0.1], [0.5, 0.3]]
    return tfd.MixtureSameFamily(tfd.Categorical(probs=[0.5, 0.3, 0.2]), tfd.MultivariateNormalDiag(loc, scale))


class Mismatched(tfd.MultivariateNormalDiag):
    """A density that is not that of its samples: it lacks a constant."""

    def _log_prob(self, z):
        return super()._log_prob(z) + 1.0


class Independently(tfd.MultivariateNormalTriL):
    """The density of two independent standard normals, whatever the samples are."""

    def _log_prob(self, z):
        return tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(z), axis=-1)


def test_a_normals_grid_is_at_its_exact_quantiles():
    grid = quantile_grid(tfd.MultivariateNormalDiag([1.0, -2.0], [0.5, 3.0]), LEVELS, LEVELS)
    np.testing.assert_allclose(grid[:, :, 0], np.tile((1 + 0.5 * NORMAL)[:, None], len(LEVELS)), atol=2e-3)
    np.testing.assert_allclose(grid[:, :, 1], np.tile(-2 + 3 * NORMAL, (len(LEVELS), 1)), atol=1e-2)


def test_a_correlated_normals_second_latent_is_at_its_conditional_quantiles():
    grid = quantile_grid(tfd.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [0.8, 0.6]]), LEVELS, LEVELS)
    conditional = 0.8 * NORMAL[:, None] + 0.6 * NORMAL  # z2 given z1 is N(0.8 z1, 0.6²)
    np.testing.assert_allclose(grid[:, :, 1], conditional, atol=5e-3)


@pytest.mark.parametrize("rho", [0.9999, 0.99999999])
def test_a_narrow_ridge_has_its_conditional_quantiles_too(rho):
    """Where z2 given z1 has a scale of 0.014 and of 0.00014, far below the cells of any even grid."""
    scale = np.sqrt(1 - rho**2)
    grid = quantile_grid(tfd.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [rho, scale]]), LEVELS, LEVELS)
    np.testing.assert_allclose(grid[:, :, 0], np.tile(NORMAL[:, None], len(LEVELS)), atol=1e-3)
    standardised = (grid[:, :, 1] - rho * grid[:, :, 0]) / scale
    np.testing.assert_allclose(standardised, np.tile(NORMAL, (len(LEVELS), 1)), atol=0.02)


def test_a_density_whose_conditionals_are_not_the_samplers_is_refused():
    """It sums to 1 and its marginals are right, but only in the samples does z2 depend on z1."""
    with pytest.raises(NoPictureError, match=r"not those of its samples: levels differ by 0\.\d\d"):
        quantile_grid(Independently([0.0, 0.0], [[1.0, 0.0], [0.9, 0.436]]), LEVELS, LEVELS)


def test_a_density_that_does_not_sum_to_1_is_refused():
    with pytest.raises(NoPictureError, match=r"sums to 2\.7. .* and not to 1"):
        quantile_grid(Mismatched([0.0, 0.0], [1.0, 1.0]), LEVELS, LEVELS)


def test_uniform_levels_become_a_mixtures_samples():
    levels = (np.arange(200) + 0.5) / 200
    grid = quantile_grid(mixture(), levels, levels).reshape(-1, 2)
    samples = mixture().sample(200_000, seed=tf.constant([0, 1])).numpy()
    for test in (
        np.tanh,
        np.cos,
        lambda z: z > 0.5,
        lambda z: z[:, :1] * z[:, 1:] > 1,
        lambda z: abs(z - 1) < 0.1,
    ):
        np.testing.assert_allclose(test(grid).mean(axis=0), test(samples).mean(axis=0), atol=8e-3)


def test_a_mixtures_marginal_quantiles_are_those_of_its_samples():
    samples = mixture().sample(200_000, seed=tf.constant([0, 2])).numpy()
    levels = np.array([0.1, 0.35, 0.6, 0.9])  # none in a gap between components, where quantiles are ill-defined
    grid = quantile_grid(mixture(), levels, LEVELS)
    np.testing.assert_allclose(grid[:, 0, 0], np.quantile(samples[:, 0], levels), atol=0.02)


def test_bounded_and_heavy_tailed_priors_are_located_too():
    box = tfd.Independent(tfd.Uniform([0.0, 2.0], [1.0, 5.0]), 1)
    np.testing.assert_allclose(quantile_grid(box, LEVELS, LEVELS)[:, 0, 0], LEVELS, atol=5e-3)
    heavy = tfd.Independent(tfd.StudentT(3.0, [0.0, 0.0], 1.0), 1)
    quartile = 0.7648923  # of Student's t with 3 degrees of freedom
    grid = quantile_grid(heavy, np.array([0.25, 0.5, 0.75]), np.array([0.75]))
    np.testing.assert_allclose(grid[:, 0], [[-quartile, quartile], [0, quartile], [quartile, quartile]], atol=0.01)

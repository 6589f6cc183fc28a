import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.report.quantiles import quantile_grid, smoothed, tabulate
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


def test_a_normals_grid_is_at_its_exact_quantiles():
    grid = quantile_grid(tfd.MultivariateNormalDiag([1.0, -2.0], [0.5, 3.0]), LEVELS, LEVELS)
    np.testing.assert_allclose(grid[:, :, 0], np.tile((1 + 0.5 * NORMAL)[:, None], len(LEVELS)), atol=2e-3)
    np.testing.assert_allclose(grid[:, :, 1], np.tile(-2 + 3 * NORMAL, (len(LEVELS), 1)), atol=1e-2)


def test_a_correlated_normals_second_latent_is_at_its_conditional_quantiles():
    grid = quantile_grid(tfd.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [0.8, 0.6]]), LEVELS, LEVELS)
    conditional = 0.8 * NORMAL[:, None] + 0.6 * NORMAL  # z2 given z1 is N(0.8 z1, 0.6²)
    np.testing.assert_allclose(grid[:, :, 1], conditional, atol=5e-3)


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


@pytest.mark.parametrize(
    "prior",
    [Mismatched([0.0, 0.0], [1.0, 1.0]), tfd.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [1.0, 1e-4]])],
    ids=["a density that is not the sampler's", "a ridge thinner than any cell"],
)
def test_a_density_that_the_table_cannot_hold_is_refused(prior):
    with pytest.raises(NoPictureError, match=r"sums to .* and not to 1"):
        tabulate(prior)


def test_a_point_mass_is_refused():
    with pytest.raises(NoPictureError, match="no density"):
        tabulate(tfd.VectorDeterministic([1.0, 2.0]))


@pytest.mark.parametrize("exact", [True, False])
def test_half_of_a_normals_mass_lies_above_its_density_at_the_median_radius(exact):
    prior = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    table = tabulate(prior) if exact else smoothed(prior.sample(100_000, seed=tf.constant([0, 3])).numpy())
    density = np.exp(-np.log(2)) / (2 * np.pi)  # the radius is chi² with 2 degrees: exp(-r²/2) = 1/2
    np.testing.assert_allclose(table.levels(0.5), [density], rtol=0.02 if exact else 0.1)
    np.testing.assert_allclose(table.mass.sum(), 1, atol=1e-3)

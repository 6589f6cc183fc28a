import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from matplotlib.figure import Figure
from matplotlib.path import Path

from probvae.components import MAF, RealNVP
from probvae.report.density import estimated, regions, tabulate
from probvae.report.marginal import marginal
from probvae.report.style import NoPictureError

tfd = tfp.distributions

SHARES = (0.5, 0.9, 0.99)


class Sampled(tfd.Distribution):
    """A distribution that is known by its samples alone."""

    def __init__(self, of):
        self.of = of
        super().__init__(of.dtype, tfd.NOT_REPARAMETERIZED, validate_args=False, allow_nan_stats=True)

    def _event_shape(self):
        return self.of.event_shape

    def _sample_n(self, n, seed=None):
        return self.of.sample(n, seed=seed)


class Mismatched(tfd.MultivariateNormalDiag):
    """A density that is not that of its samples: it lacks a constant."""

    def _log_prob(self, z):
        return super()._log_prob(z) + 1.0


def narrow(latent_dim):
    """Sixteen normals, apart from each other."""
    loc = np.random.default_rng(0).normal(size=(16, latent_dim)).astype(np.float32)
    scale = np.full_like(loc, 0.05)
    return tfd.MixtureSameFamily(tfd.Categorical(logits=tf.zeros(16)), tfd.MultivariateNormalDiag(loc, scale))


def correlated(latent_dim):
    root = np.tril(np.random.default_rng(1).normal(size=(latent_dim, latent_dim))).astype(np.float32)
    return tfd.MultivariateNormalTriL(tf.range(float(latent_dim)), root)


def flow(kind, latent_dim, **options):
    prior = kind(latent_dim, hidden=(16,), **options)
    for variable in prior.trainable_variables:
        variable.assign(variable.value + tf.random.stateless_normal(variable.shape, (1, 2)) / 3)
    return prior.distribution()


PRIORS = {
    "a standard normal": lambda: tfd.MultivariateNormalDiag(tf.zeros(5), tf.ones(5)),
    "two latents": lambda: tfd.MultivariateNormalDiag(tf.zeros(2), tf.ones(2)),
    "sixteen narrow normals": lambda: narrow(8),
    "two latents of sixteen narrow normals": lambda: narrow(2),
    "a correlated normal": lambda: correlated(4),
    "a narrow ridge": lambda: tfd.MultivariateNormalTriL([0.0, 0.0], [[1.0, 0.0], [0.999, 0.0447]]),
    "heavy tails": lambda: tfd.Independent(tfd.StudentT(3.0, tf.zeros(4), 1.0), 1),
    "a flow of two latents": lambda: flow(RealNVP, 2, couplings=2),
    "a coupling flow": lambda: flow(RealNVP, 6, couplings=2),
    "an autoregressive flow": lambda: flow(MAF, 4, layers=1),
    "samples of a standard normal": lambda: Sampled(tfd.MultivariateNormalDiag(tf.zeros(5), tf.ones(5))),
    "samples of sixteen narrow normals": lambda: Sampled(narrow(8)),
    "samples of a correlated normal": lambda: Sampled(correlated(4)),
    "samples of heavy tails": lambda: Sampled(tfd.Independent(tfd.StudentT(3.0, tf.zeros(4), 1.0), 1)),
}


def drawn_share(found, level, points):
    """The share of points inside the contour of a level, by the polygons that matplotlib draws."""
    contour = Figure().add_subplot().contour(*found.table.centres, found.table.density.T, levels=[level])
    inside = sum(Path(line).contains_points(points).astype(int) for line in contour.allsegs[0] if len(line) > 2)
    return (inside % 2).mean()


@pytest.mark.parametrize("make", PRIORS.values(), ids=PRIORS)
def test_each_region_holds_its_share_of_fresh_samples(make):
    prior = make()
    fresh = prior.sample(40_000, seed=tf.constant([7, 7])).numpy().astype(np.float64)[:, :2]
    found = regions(prior, (0, 1), SHARES)
    for share, level in zip(SHARES, found.levels[::-1], strict=True):
        # Six standard errors of both samples, and what a polygon is off a smooth line.
        tolerance = 6 * np.sqrt(share * (1 - share) * (1 / 20_000 + 1 / 40_000)) + 0.005
        assert drawn_share(found, level, fresh) == pytest.approx(share, abs=tolerance)


@pytest.mark.parametrize("axes", [(0, 1), (1, 4), (2, 3)])
def test_the_density_of_two_latents_is_that_of_all_integrated_over_the_others(axes):
    """Against closed forms that are written out in float64."""
    rng = np.random.default_rng(2)
    loc, roots = rng.normal(size=(3, 5)), np.tril(rng.normal(size=(3, 5, 5)))
    weights = np.array([0.2, 0.3, 0.5])
    normals = tfd.MultivariateNormalTriL(loc.astype(np.float32), roots.astype(np.float32))
    prior = tfd.MixtureSameFamily(tfd.Categorical(probs=weights.astype(np.float32)), normals)
    points = rng.normal(size=(20, 2))
    expected = 0.0
    for weight, mean, root in zip(weights, loc, roots, strict=True):
        covariance = (root @ root.T)[np.ix_(axes, axes)]
        off = points - mean[list(axes)]
        quadratic = np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off)
        expected += weight * np.exp(-0.5 * quadratic) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
    found = marginal(prior, axes).prob(points.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-6)


def test_independent_latents_have_the_densities_of_their_own():
    prior = tfd.Independent(tfd.Laplace(tf.range(5.0), 2.0), 1)
    found = marginal(prior, (1, 4)).log_prob([[0.0, 0.0]])
    np.testing.assert_allclose(found, [-(1 + 4) / 2 - 2 * np.log(4)], rtol=1e-6)


def test_a_flow_has_no_marginal_that_is_known():
    assert marginal(flow(RealNVP, 4, couplings=2), (0, 1)) is None


def test_the_contours_of_a_sampled_normal_are_round():
    """Each is near the circle that holds its share, all the way around: the radius is chi with two degrees."""
    found = regions(PRIORS["samples of a standard normal"](), (0, 1), SHARES)
    for share, level in zip(SHARES, found.levels[::-1], strict=True):
        contour = Figure().add_subplot().contour(*found.table.centres, found.table.density.T, levels=[level])
        (line,) = contour.allsegs[0]
        radius = np.sqrt(-2 * np.log(1 - share))
        np.testing.assert_allclose(np.linalg.norm(line, axis=1), radius, atol=0.25)


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
    found = regions(prior if exact else Sampled(prior), (0, 1), [0.5])
    density = np.exp(-np.log(2)) / (2 * np.pi)  # the radius is chi² with 2 degrees: exp(-r²/2) = 1/2
    np.testing.assert_allclose(found.levels, [density], rtol=0.02 if exact else 0.1)
    np.testing.assert_allclose(found.table.mass.sum(), 1, atol=1e-3)


def test_between_the_centres_a_density_is_interpolated_and_beyond_them_it_is_0():
    table = tabulate(tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]))
    first, second = table.centres
    np.testing.assert_allclose(table.at(np.array([first[40], second[50]])), table.density[40, 50])
    between = np.array([(first[40] + first[41]) / 2, second[50]])
    np.testing.assert_allclose(table.at(between), (table.density[40, 50] + table.density[41, 50]) / 2)
    np.testing.assert_array_equal(table.at(np.array([[100.0, 0.0], [0.0, -100.0]])), 0.0)


def test_the_kernels_keep_a_samples_mass_at_an_edge():
    rng = np.random.default_rng(0)
    table = estimated(*rng.random((2, 5_000, 2)))
    np.testing.assert_allclose(table.mass.sum(), 1, atol=1e-3)

"""Hierarchies of latents whose joint distribution is a normal that is known in closed form."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import probvae
from probvae import components as c
from probvae.components.hierarchies import UpperBlocks
from probvae.components.scales import raw_scale
from probvae.core import VAE, Hierarchy, mean_of
from probvae.errors import ConfigError, SpecError

from .numerics import f64, multivariate_normal_log_prob, perturb

D2, D1, E = 2, 3, (4,)
D = D2 + D1
RNG = np.random.default_rng(5)
A = RNG.normal(size=(D1, D2))
SHIFT = np.array([0.5, -1.0, 0.2])
SCALE = np.array([0.4, 0.7, 1.2])
W = RNG.normal(size=(*E, D))
NOISE = 0.5
X = RNG.normal(size=(6, *E)).astype(np.float32)


def set_affine(network, matrix, shift):
    """Make an affine network x -> matrix x + shift."""
    network.last.kernel.assign(np.asarray(matrix).T)
    network.last.bias.assign(shift)


def raw_triangle(lower):
    """What the head with a full covariance turns into this triangular factor."""
    raw = lower.copy()
    raw[np.diag_indices_from(raw)] = [raw_scale(value) for value in np.diag(lower)]
    return tfp.math.fill_triangular_inverse(raw).numpy()


def linear_prior():
    """p(z2) = N(0, I), p(z1|z2) = N(A z2 + shift, diag(scale²))."""
    prior = c.HierarchicalPrior(
        D, c.StandardNormal(D2), c.Conditional(D2, c.Dense(()), c.DiagonalNormal(D1)), (D2, D1)
    )
    raw = [raw_scale(value) for value in SCALE]
    set_affine(prior.lower.network, np.vstack([A, np.zeros((D1, D2))]), [*SHIFT, *raw])
    return prior


MEAN = np.concatenate([np.zeros(D2), SHIFT])
COVARIANCE = np.block([[np.eye(D2), A.T], [A, A @ A.T + np.diag(SCALE**2)]])


class LinearDecoder(probvae.Decoder):
    """p(x|z) = N(W z, noise² I)."""

    def likelihood(self, z):
        loc = tf.linalg.matvec(tf.constant(W, tf.float32), z)
        return tfp.distributions.Independent(tfp.distributions.Normal(loc, NOISE), reinterpreted_batch_ndims=1)


def exact_encoder():
    """The exact posterior of the linear model: q(z2|x) by the network, q(z1|x, z2) by z2 and features of x."""
    posterior = np.linalg.inv(np.linalg.inv(COVARIANCE) + W.T @ W / NOISE**2)
    gain = posterior @ W.T / NOISE**2  # mean = gain x + start
    start = posterior @ np.linalg.inv(COVARIANCE) @ MEAN
    slope = posterior[D2:, :D2] @ np.linalg.inv(posterior[:D2, :D2])  # of z1 along z2
    below = posterior[D2:, D2:] - slope @ posterior[:D2, D2:]
    head = c.HierarchicalPosterior(
        D, c.FullCovarianceNormal(D2), c.Dense(()), c.FullCovarianceNormal(D1), (D2, D1), features=D1
    )
    encoder = c.NetworkEncoder(c.Dense(()), head, E)
    upper = raw_triangle(np.linalg.cholesky(posterior[:D2, :D2]))
    lower = raw_triangle(np.linalg.cholesky(below))
    # The features of x are what its mean of z1 is without the part that z2 explains.
    features, constant = gain[D2:] - slope @ gain[:D2], start[D2:] - slope @ start[:D2]
    set_affine(
        encoder.network,
        np.vstack([gain[:D2], np.zeros((len(upper), *E)), features]),
        [*start[:D2], *upper, *constant],
    )
    along = np.block([[slope, np.eye(D1)], [np.zeros((len(lower), D2 + D1))]])
    set_affine(head.network, along, [*np.zeros(D1), *lower])
    return encoder


def test_a_linear_hierarchy_is_the_normal_with_its_covariance():
    p = linear_prior().distribution()
    assert p.blocks == {"z2": D2, "z1": D1}
    z = p.sample(200_000, seed=(1, 2)).numpy()
    np.testing.assert_allclose(z.mean(0), MEAN, atol=0.02)
    np.testing.assert_allclose(np.cov(z.T), COVARIANCE, atol=0.05)
    expected = multivariate_normal_log_prob(z[:500], MEAN, COVARIANCE)
    np.testing.assert_allclose(p.log_prob(z[:500]), expected, rtol=1e-4, atol=1e-4)
    parts = p.block_log_probs(z[:500])
    upper = multivariate_normal_log_prob(z[:500, :D2], MEAN[:D2], COVARIANCE[:D2, :D2])
    np.testing.assert_allclose(parts["z2"], upper, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(parts["z2"] + parts["z1"], p.log_prob(z[:500]), rtol=1e-6)


def test_with_the_exact_posterior_every_weight_is_the_evidence():
    """log p(x, z) - log q(z|x) is log p(x) at each z: no density lacks a block, and samples are from theirs."""
    vae = VAE(exact_encoder(), LinearDecoder(), linear_prior())
    evidence = multivariate_normal_log_prob(X, W @ MEAN, W @ COVARIANCE @ W.T + NOISE**2 * np.eye(*E))
    weights = f64(vae.log_weights(X, 7, seed=3))
    np.testing.assert_allclose(weights, np.broadcast_to(evidence, (7, 6)), rtol=1e-4, atol=2e-3)


def test_samples_and_densities_are_computed_together_as_apart():
    q = exact_encoder().posterior(X)
    z, log_q = q.experimental_sample_and_log_prob((2, 3), seed=(4, 5))
    assert (z.shape, log_q.shape) == ((2, 3, 6, D), (2, 3, 6))
    np.testing.assert_array_equal(z, q.sample((2, 3), seed=(4, 5)))
    np.testing.assert_allclose(log_q, q.log_prob(z), rtol=1e-4, atol=1e-3)


def test_values_are_those_of_all_rows_where_they_have_no_axis_for_them():
    q = exact_encoder().posterior(X)
    z = q.sample(seed=(4, 5))
    all_pairs = f64(q.log_prob(z[:, None]))  # [6, 6]
    np.testing.assert_allclose(np.diag(all_pairs), q.log_prob(z), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(all_pairs[2], q.log_prob(z[2]), rtol=1e-4, atol=1e-4)


def test_rows_have_the_noise_of_their_number():
    """As of one posterior in one block: whoever adds rows, or shares them out, changes no draw of the others."""
    encoder = exact_encoder()
    few, many = (encoder.posterior(rows).sample(seed=(1, 1)).numpy() for rows in (X[:4], X))
    np.testing.assert_allclose(few, many[:4], rtol=1e-5, atol=1e-5)


def test_three_blocks_are_a_hierarchy_on_a_hierarchy():
    def lower(above, size):
        return c.Conditional(above, c.Dense((4,), "gated"), c.DiagonalNormal(size))

    upper = c.HierarchicalPrior(3, c.Mixture(1, 2), lower(1, 2), (1, 2))
    prior = perturb(c.HierarchicalPrior(7, upper, lower(3, 4), (3, 4)))
    p = prior.distribution()
    assert p.blocks == {"z3": 1, "z2": 2, "z1": 4}
    z = p.sample(5, seed=(1, 2))
    parts = p.block_log_probs(z)
    assert list(parts) == ["z3", "z2", "z1"]
    np.testing.assert_allclose(parts["z3"], upper.top.distribution().log_prob(z[:, :1]), rtol=1e-6)
    np.testing.assert_allclose(parts["z1"], prior.lower.distribution(z[:, :3]).log_prob(z[:, 3:]), rtol=1e-6)
    np.testing.assert_allclose(sum(parts.values()), p.log_prob(z), rtol=1e-5)


def test_a_hierarchy_carries_gradients_if_all_of_its_blocks_do():
    full, none = tfp.distributions.FULLY_REPARAMETERIZED, tfp.distributions.NOT_REPARAMETERIZED
    assert linear_prior().distribution().reparameterization_type == full
    lower = c.Conditional(2, c.Dense(()), c.DiagonalNormal(3))
    assert c.HierarchicalPrior(5, c.Mixture(2, 3), lower, (2, 3)).distribution().reparameterization_type == none


# The model's blocks


def spec(prior, posterior=None, latent_dim=5):
    network = {"use": "dense", "hidden": [4]}
    encoder = {"network": network, **({"posterior": posterior} if posterior else {})}
    decoder = {"network": network, "likelihood": {"use": "bernoulli"}}
    model = {"latent_dim": latent_dim, "encoder": encoder, "decoder": decoder, "prior": prior}
    return {"schema": 1, "model": model, "data": {"use": "fashion_mini"}}


def hierarchical(*blocks, **parts):
    return {"use": "hierarchical", "blocks": [*blocks], **parts}


def test_a_model_has_the_blocks_of_its_parts():
    in_blocks = {"z2": 2, "z1": 3}
    assert probvae.build(spec(hierarchical(2, 3), hierarchical(2, 3))).blocks == in_blocks
    assert probvae.build(spec(hierarchical(2, 3))).blocks == in_blocks
    assert probvae.build(spec({"use": "mixture"}, hierarchical(2, 3))).blocks == in_blocks
    assert probvae.build(spec({"use": "mixture"})).blocks == {"z": 5}
    three = hierarchical(4, 2, top=hierarchical(3, 1))
    assert probvae.build(spec(three, three, 6)).blocks == {"z3": 3, "z2": 1, "z1": 2}
    assert probvae.build(spec({"use": "hierarchical"}, {"use": "hierarchical"})).blocks == in_blocks


def test_a_vamp_prior_on_top_is_made_of_the_posteriors_of_the_upper_block():
    vae = probvae.build(spec(hierarchical(2, 3, top={"use": "vamp", "pseudo_inputs": 7}), hierarchical(2, 3)))
    vamp = vae.prior.top
    assert isinstance(vamp, c.Vamp)
    assert vamp.pseudo_inputs.shape == (7, 28, 28, 1)
    upper = vae.encoder.posterior(tf.convert_to_tensor(vamp.pseudo_inputs.value)).above  # [7], [2]
    z = vae.sample_latents(4, seed=1)
    expected = tf.reduce_logsumexp(upper.log_prob(z[:, None, :2]), axis=-1) - np.log(7)
    np.testing.assert_allclose(vae.prior_given().block_log_probs(z)["z2"], expected, rtol=1e-5)


# What is refused


@pytest.mark.parametrize(
    ("prior", "posterior", "latent_dim", "message"),
    [
        (
            hierarchical(8, 32),
            None,
            5,
            r"model.prior.blocks: .*latent_dim = 5; got \[8, 32\].* 40",
        ),
        ({"use": "mixture"}, hierarchical(2, 2), 5, r"posterior.blocks: hierarchical posterior: .*add up to 4"),
        ({"use": "hierarchical"}, None, 1, r"expected latent_dim >= 2, as two blocks .*; got 1"),
        (hierarchical(2, 3), hierarchical(3, 2), 5, r"same blocks of latents; got .*'z2': 2.*'z2': 3"),
        (
            hierarchical(2, 3, lower={"use": "mixture"}),
            None,
            5,
            r"prior.lower: .*of 2 numbers.*that takes none",
        ),
        (hierarchical(2, 3, top={"use": "vamp"}), None, 5, r"prior.top: .*2 latents on top.*got blocks \[5\]"),
        (hierarchical(2, 3, top={"use": "vamp"}), hierarchical(3, 2), 5, r"prior.top: .*got blocks \[3, 2\]"),
    ],
)
def test_a_spec_whose_blocks_do_not_fit_is_refused(prior, posterior, latent_dim, message):
    with pytest.raises(SpecError, match=message):
        probvae.build(spec(prior, posterior, latent_dim))


def test_parts_of_other_sizes_are_refused():
    lower = c.Conditional(2, c.Dense(()), c.DiagonalNormal(3))
    with pytest.raises(ConfigError, match=r"expected top of 2 latents, .*event shape \[4\]"):
        c.HierarchicalPrior(5, c.StandardNormal(4), lower, (2, 3))
    with pytest.raises(ConfigError, match=r"expected lower of 4 latents, .*event shape \[3\]"):
        c.HierarchicalPrior(6, c.StandardNormal(2), lower, (2, 4))
    with pytest.raises(ConfigError, match=r"hierarchical posterior: expected lower of 3 latents"):
        c.HierarchicalPosterior(5, c.DiagonalNormal(2), c.Dense(()), c.DiagonalNormal(2), (2, 3))


def test_there_is_no_mean():
    assert mean_of(linear_prior().distribution()) is None
    assert isinstance(exact_encoder().posterior(X), Hierarchy)


def test_upper_blocks_are_those_of_the_encoder():
    upper = UpperBlocks(exact_encoder(), E, D2)
    assert upper.posterior(X).event_shape == (D2,)
    with pytest.raises(ConfigError, match=r"of 3 latents on top, .*got blocks \[2, 3\]"):
        UpperBlocks(exact_encoder(), E, 3)

"""The prior around training examples: its density in NumPy, and what it leaves out in which part of a training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.core import VAE, Batch, sample_and_log_prob
from probvae.errors import ConfigError, UserError
from probvae.objectives import ELBO, IWAE, STL, DReG, Rate

from .numerics import f64, logsumexp, normal_log_prob, softplus

N, D = 12, 2
EXAMPLES = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
Z = np.random.default_rng(1).normal(size=(5, D)).astype(np.float32)
SCALE = softplus(-0.5 + 1e-5) + 1e-4


def made(exemplars=8, **options):
    keras.utils.set_random_seed(3)
    encoder = c.NetworkEncoder(c.Dense((4,), "tanh"), c.DiagonalNormal(D), (3,))
    prior = c.Exemplar(encoder, (3,), EXAMPLES, exemplars=exemplars, **options)
    prior.raw_scale.assign(-0.5)
    return prior


def written_out(prior, rows, z, scale=SCALE):
    """log p(z) of z [S, D] with each of some rows left out: [S, rows]."""
    means = f64(prior.encoder.posterior(prior.exemplars.value).mean())  # [K, D]
    each = normal_log_prob(z[:, None].astype(np.float64), means, scale).sum(-1)  # [S, K]
    kept = [np.flatnonzero(prior.rows.numpy() != row) for row in rows]
    return np.stack([logsumexp(each[:, some], -1) - np.log(len(some)) for some in kept], -1)


def test_the_density_is_the_mean_over_all_exemplars():
    prior = made()
    found = prior.distribution().log_prob(Z)
    np.testing.assert_allclose(found, written_out(prior, [-1], Z)[:, 0], rtol=1e-5)


def test_the_density_given_a_row_is_the_mean_over_the_others():
    prior, rows = made(), np.arange(-1, N)
    p = prior.distribution(rows=tf.constant(rows))
    assert (p.batch_shape, p.event_shape) == ((N + 1,), (D,))
    np.testing.assert_allclose(p.log_prob(Z[:, None]), written_out(prior, rows, Z), rtol=1e-5)


def test_exemplars_are_the_examples_of_their_rows():
    for count, expected in ((8, 8), (500, N)):
        prior = made(count)
        rows = prior.rows.numpy()
        assert len(set(rows)) == len(rows) == expected
        np.testing.assert_array_equal(prior.exemplars.numpy(), EXAMPLES[rows])
    assert set(rows) == set(range(N))
    assert [v.name for v in prior.non_trainable_variables] == ["rows", "exemplars"]


def test_a_place_for_exemplars_that_are_restored_later_has_a_density_for_every_row():
    encoder = made().encoder
    prior = c.Exemplar(encoder, (3,), EXAMPLES[:1], train_size=5, exemplars=3)
    assert len(set(prior.rows.numpy())) == 3
    assert np.isfinite(prior.distribution(rows=tf.range(5)).log_prob(Z)).all()


@pytest.mark.parametrize("form", [np.ndarray.tolist, tf.constant], ids=["list", "tensor"])
def test_examples_may_be_a_list_or_a_tensor(form):
    encoder, examples = made().encoder, form(EXAMPLES)
    starts = [
        c.Exemplar(encoder, (3,), examples, exemplars=4).exemplars,
        c.Vamp(encoder, (3,), examples, pseudo_inputs=4).pseudo_inputs,
    ]
    for start in starts:
        assert {tuple(row) for row in start.numpy()} <= {tuple(row) for row in EXAMPLES}
    with pytest.raises(
        ConfigError, match="exemplar prior: expected an array of examples; got one whose rows differ"
    ):
        c.Exemplar(encoder, (3,), [[1.0, 2.0, 3.0], [1.0]])


def test_samples_are_around_the_exemplars_that_are_not_left_out():
    prior = made()
    row = prior.rows.numpy()[0]
    means = f64(prior.encoder.posterior(prior.exemplars.value).mean())
    p = prior.distribution(rows=tf.constant([row, -1]))
    z = f64(p.sample(40_000, seed=[1, 2]))
    np.testing.assert_allclose(z.mean(0), [means[1:].mean(0), means.mean(0)], atol=0.02)
    np.testing.assert_allclose(p.mean(), [means[1:].mean(0), means.mean(0)], atol=1e-5)


def test_distances_keep_their_digits_far_from_zero():
    prior = made()
    last = prior.encoder.network.last
    last.bias.assign(last.bias + 1000.0)  # all means, and their scales
    z = Z + 1000.0
    np.testing.assert_allclose(prior.distribution().log_prob(z), written_out(prior, [-1], z)[:, 0], rtol=1e-3)


@pytest.fixture
def vae():
    prior = made(N)
    return VAE(prior.encoder, c.NetworkDecoder(c.Dense((4,)), c.Normal((3,)), D), prior)


def test_log_weights_are_those_of_the_prior_without_the_example(vae):
    z, _ = sample_and_log_prob(vae.posterior(EXAMPLES), 3, 0)  # [3, N, D]
    whole, left = vae.log_weights(EXAMPLES, 3, 0), vae.log_weights(EXAMPLES, 3, 0, rows=np.arange(N))
    for row in range(N):
        log_p = written_out(vae.prior, [-1, row], z[:, row].numpy())  # [3, 2]
        np.testing.assert_allclose((left - whole)[:, row], log_p[:, 1] - log_p[:, 0], atol=1e-4)


@pytest.mark.parametrize("objective", [ELBO(), IWAE(3), STL(), DReG(3), Rate()], ids=lambda o: type(o).__name__)
def test_an_objective_leaves_each_training_example_out_of_its_own_loss(objective, vae):
    def loss(rows):
        return objective(vae, Batch(tf.constant(EXAMPLES), rows=rows), 0, tf.constant(0)).per_example.numpy()

    nothing, own, first = loss(None), loss(np.arange(N)), loss(np.where(np.arange(N) == 0, 0, -1))
    assert np.abs(own - nothing).min() > 1e-4
    np.testing.assert_allclose(first, np.where(np.arange(N) == 0, own, nothing), rtol=1e-5)


def test_fit_which_knows_no_rows_is_refused(vae):
    """Nothing would be left out: each exemplar could get a narrow mode of its own."""
    vae.compile("adam", objective=ELBO())
    assert np.isfinite(vae.evaluate(EXAMPLES, verbose=0, return_dict=True)["loss"])
    for train in (vae.fit, vae.train_on_batch):
        with pytest.raises(UserError, match="fit: expected a prior that does not leave training examples out"):
            train(EXAMPLES)


def test_in_a_hierarchy_the_top_leaves_examples_out(vae):
    encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2 * D), (3,))
    top = c.Exemplar(vae.encoder, (3,), EXAMPLES)
    lower = c.Conditional(D, c.Dense((4,)), c.DiagonalNormal(D))
    prior = c.HierarchicalPrior(2 * D, top, lower)
    z = encoder.posterior(EXAMPLES).sample(seed=[1, 2])
    left = prior.given(None, np.arange(N)).log_prob(z) - prior.given(None).log_prob(z)
    expected = [np.diff(written_out(top, [-1, row], z[row : row + 1, :D].numpy(), 1.0))[0, 0] for row in range(N)]
    np.testing.assert_allclose(left, expected, atol=1e-4)
    assert not c.HierarchicalPrior(2 * D, c.StandardNormal(D), lower).takes_rows


def test_what_cannot_be_is_refused():
    encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(D), (3,))
    with pytest.raises(ConfigError, match=r"exemplar prior: exemplars need examples; got none\. Give examples\."):
        c.Exemplar(encoder, (3,))
    with pytest.raises(ConfigError, match="expected at least two training examples; got 1"):
        c.Exemplar(encoder, (3,), EXAMPLES[:1])
    with pytest.raises(ConfigError, match="expected exemplars to be an integer >= 2; got 1"):
        c.Exemplar(encoder, (3,), EXAMPLES, exemplars=1)
    conditional = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(D), (3,), condition_dim=2)
    with pytest.raises(ConfigError, match="expected an encoder without a condition"):
        c.Exemplar(conditional, (3,), EXAMPLES)
    flow = c.NetworkEncoder(c.Dense((4,)), c.FlowPosterior(D, layers=1, hidden=(4,)), (3,))
    with pytest.raises(
        ConfigError, match="expected a posterior with a mean; got one without, from NetworkEncoder"
    ):
        c.Exemplar(flow, (3,), EXAMPLES)

"""The objectives against closed forms, on a linear-Gaussian model."""

from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import FINAL_STEP, VAE, Batch, Encoder, Hierarchy, exact_kl, gradient_step
from probvae.errors import ConfigError
from probvae.objectives import ELBO, IWAE, Rate, SemiSupervised
from probvae.objectives.kl import resolve_kl
from probvae.training import Trainer, TrainSettings

from .linear_gaussian import (
    B,
    D,
    E,
    LinearDecoder,
    W,
    data,
    exact_posterior,
    expected_log_likelihood,
    kl,
    log_evidence,
    model,
    some_posterior,
)

tfd = tfp.distributions

SIGMAS = 5.5  # two-sided, an error rate of 4e-8 for each comparison; the seeds are fixed besides


class DiagonalEncoder(Encoder):
    """q(z|x) = N(A x + c, diag(noise²))."""

    def __init__(self, matrix, shift, noise):
        super().__init__()
        self.matrix = tf.Variable(matrix, dtype=tf.float32)
        self.shift = tf.Variable(shift, dtype=tf.float32)
        self.noise = tf.constant(noise, tf.float32)

    def posterior(self, x):
        loc = tf.linalg.matvec(self.matrix, tf.cast(x, tf.float32)) + self.shift
        return tfd.MultivariateNormalDiag(loc, self.noise * tf.ones_like(loc))


def loss(objective, vae, x, seed=0, step=0):
    return objective(vae, Batch(x), seed, tf.constant(step)).per_example.numpy()


def replicates(objective, vae, x, count=4000, seed=0):
    """Mean and standard error of a loss, of `count` independent draws for each example: [B], [B]."""
    draws = loss(objective, vae, np.repeat(x, count, axis=0), seed).astype(np.float64).reshape(len(x), count)
    return draws.mean(1), draws.std(1) / np.sqrt(count)


# The closed forms agree with each other


def test_the_evidence_is_the_bound_plus_the_gap():
    """log p(x) = ELBO + KL(q || exact posterior), so that three formulas of the reference check each other."""
    x, q, p = data(), some_posterior(), exact_posterior()
    (q_mean, q_cov), (p_mean, p_cov) = ((x @ m.T + s, lower @ lower.T) for m, s, lower in (q, p))
    inverse, away = np.linalg.inv(p_cov), q_mean - p_mean
    gap = 0.5 * (
        np.trace(inverse @ q_cov)
        + np.einsum("bi,ij,bj->b", away, inverse, away)
        - D
        + np.linalg.slogdet(p_cov)[1]
        - np.linalg.slogdet(q_cov)[1]
    )
    np.testing.assert_allclose(log_evidence(x), expected_log_likelihood(x, q) - kl(x, q) + gap)


# ELBO


@pytest.mark.parametrize("how", ["auto", "exact", "monte_carlo"])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_elbo_is_the_closed_form(how, samples):
    x, q = data(), some_posterior()
    mean, error = replicates(ELBO(kl=how, samples=samples), model(), x)
    expected = kl(x, q) - expected_log_likelihood(x, q)
    assert np.all(np.abs(mean - expected) < SIGMAS * error)
    assert np.all(error < 0.1)


def test_the_terms_are_the_closed_forms():
    x, q = data(), some_posterior()
    terms = ELBO(samples=4000)(model(), Batch(x), 0, tf.constant(0)).terms
    np.testing.assert_allclose(terms["kl"], kl(x, q), rtol=1e-4)
    estimate = ELBO(kl="monte_carlo", samples=4000)(model(), Batch(x), 0, tf.constant(0)).terms
    np.testing.assert_allclose(estimate["kl"], kl(x, q), atol=0.2)
    for found in (terms, estimate):
        np.testing.assert_allclose(found["negative_log_likelihood"], -expected_log_likelihood(x, q), rtol=0.1)


@pytest.mark.parametrize("objective", [ELBO(kl="monte_carlo"), IWAE(1), IWAE(7)], ids=["elbo", "iwae 1", "iwae 7"])
def test_with_the_exact_posterior_every_bound_is_the_evidence_without_noise(objective):
    x, vae = data(), model(exact_posterior())
    for seed in (0, 1):
        np.testing.assert_allclose(-loss(objective, vae, x, seed), log_evidence(x), atol=2e-5)


def test_with_the_exact_posterior_log_weights_are_constant():
    x, vae = data(), model(exact_posterior())
    log_w = vae.log_weights(x, 50, seed=0)
    np.testing.assert_allclose(log_w, np.broadcast_to(log_evidence(x), (50, 5)), atol=2e-5)


def test_the_mean_of_the_weights_is_the_evidence():
    x = data()
    log_w = model().log_weights(x, 40_000, seed=0).numpy().astype(np.float64)
    w = np.exp(log_w - log_evidence(x))
    assert np.all(np.abs(w.mean(0) - 1) < SIGMAS * w.std(0) / np.sqrt(len(w)))


def test_the_gradient_of_the_elbo_is_the_gradient_of_the_closed_form():
    x = data()
    parameters = [*some_posterior(), W, B]
    mask = [np.ones((2, 3)), np.ones(2), np.tril(np.ones((2, 2))), np.ones((3, 2)), np.ones(3)]

    def closed_form(values):
        return (kl(x, values[:3]) - expected_log_likelihood(x, values[:3], *values[3:])).mean()

    expected = []
    for i, parameter in enumerate(parameters):
        gradient = np.zeros_like(parameter)
        for place in np.ndindex(parameter.shape):
            ends = []
            for step in (1e-5, -1e-5):
                values = [value.copy() for value in parameters]
                values[i][place] += step
                ends.append(closed_form(values))
            gradient[place] = (ends[0] - ends[1]) / 2e-5
        expected.append(gradient * mask[i])

    vae, found = model(), []
    variables = [vae.encoder.matrix, vae.encoder.shift, vae.encoder.lower, vae.decoder.matrix, vae.decoder.shift]
    for how in ("exact", "monte_carlo"):
        for seed in range(12):
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(ELBO(kl=how, samples=400)(vae, Batch(x), seed, tf.constant(0)).per_example)
            found.append([g.numpy() for g in tape.gradient(value, variables)])
    for estimates in (found[:12], found[12:]):
        for i, gradient in enumerate(expected):
            each = np.stack([estimate[i] for estimate in estimates]).astype(np.float64)
            error = each.std(0, ddof=1) / np.sqrt(12) + 1e-5
            assert np.all(np.abs(each.mean(0) - gradient) < 9 * error)  # Student t with 11 degrees of freedom


# IWAE


def test_the_importance_weighted_bound_rises_from_the_elbo_to_the_evidence():
    x, q, vae = data(3), some_posterior(), model()
    samples = [1, 3, 10, 100]
    bounds = [replicates(IWAE(count), vae, x, seed=count) for count in samples]
    elbo = expected_log_likelihood(x, q) - kl(x, q)
    assert np.all(np.abs(-bounds[0][0] - elbo) < SIGMAS * bounds[0][1])
    for (lower, lower_error), (upper, upper_error) in pairwise(bounds):
        assert np.all(lower - upper > SIGMAS * np.hypot(lower_error, upper_error))
    last, error = bounds[-1]
    assert np.all(-last < log_evidence(x) + SIGMAS * error)
    assert np.all(log_evidence(x) + last < 0.1 * (log_evidence(x) - elbo))


def test_one_importance_sample_is_the_elbo():
    x, vae = data(), model()
    np.testing.assert_allclose(loss(IWAE(1), vae, x, 3), loss(ELBO(kl="monte_carlo"), vae, x, 3), rtol=1e-5)


def test_the_importance_weighted_loss_is_below_its_negative_elbo():
    losses = IWAE(5)(model(), Batch(data()), 0, tf.constant(0))
    assert np.all(losses.per_example <= losses.terms["negative_elbo"])
    log_w = model().log_weights(data(), 5, 0).numpy()
    np.testing.assert_allclose(losses.per_example, -np.log(np.exp(log_w).mean(0)), rtol=1e-5)
    np.testing.assert_allclose(losses.terms["negative_elbo"], -log_w.mean(0), rtol=1e-5)


# β, warm-up, free bits


@pytest.mark.parametrize("beta", [0.0, 0.5, 1, 4])
@pytest.mark.parametrize("how", ["exact", "monte_carlo"])
def test_beta_weighs_the_kl(beta, how):
    vae, x = model(), data()
    one, found = (ELBO(kl=how, beta=b)(vae, Batch(x), 0, tf.constant(0)) for b in (1.0, beta))
    expected = one.terms["negative_log_likelihood"] + float(beta) * one.terms["kl"]
    np.testing.assert_allclose(found.per_example, expected, rtol=1e-5)
    np.testing.assert_allclose(found.terms["kl"], one.terms["kl"])
    np.testing.assert_allclose(found.terms["beta"], np.full(5, beta))


@pytest.mark.parametrize(
    "objective",
    [ELBO(beta=3.0, warmup_epochs=2.5, steps_per_epoch=40), ELBO(beta=3, warmup_epochs=4, steps_per_epoch=25)],
)
@pytest.mark.parametrize(("step", "beta"), [(0, 0.0), (50, 1.5), (100, 3.0), (1000, 3.0), (FINAL_STEP, 3.0)])
def test_beta_grows_linearly_and_stays(objective, step, beta):
    losses = objective(model(), Batch(data()), 0, tf.constant(step))
    np.testing.assert_allclose(losses.terms["beta"], np.full(5, beta), rtol=1e-6)
    expected = losses.terms["negative_log_likelihood"] + beta * losses.terms["kl"]
    np.testing.assert_allclose(losses.per_example, expected, rtol=1e-5)


def test_a_warm_up_within_one_step_leaves_out_the_kl_of_the_first_step_alone():
    objective = ELBO(warmup_epochs=1e-300, steps_per_epoch=25)
    assert [float(objective.beta_at(tf.constant(step))) for step in (0, 1, 2)] == [0.0, 1.0, 1.0]


def test_a_warm_up_leaves_no_variable_without_a_gradient():
    vae = model(prior=c.Mixture(D, 3))
    means = gradient_step(
        vae,
        lambda: ELBO(warmup_epochs=10, steps_per_epoch=1)(vae, Batch(data()), 0, tf.constant(0)),
        keras.optimizers.SGD(0.01),
    )
    assert means["beta"] == 0.0


@pytest.mark.parametrize("free", [0.0, 1, 2.0, 100.0])
@pytest.mark.parametrize("weights", [None, [0.3, 0.0, 0.1, 0.6, 0.0]], ids=["even", "weighted"])
def test_free_bits_are_a_floor_under_the_mean_kl_of_a_batch(free, weights):
    vae, x, q = model(), data(), some_posterior()
    losses = ELBO(free_bits=free, beta=2.0)(vae, Batch(x, weights=weights), 0, tf.constant(0))
    floored = losses.per_example - losses.terms["negative_log_likelihood"]
    mean = np.average(kl(x, q), weights=weights)
    assert np.average(floored, weights=weights) == pytest.approx(2 * max(mean, free), rel=1e-4)
    np.testing.assert_allclose(losses.terms["kl"], kl(x, q), rtol=1e-4)  # reported as it is


@pytest.mark.parametrize(("free", "penalty", "slope"), [(1.0, 1.0, 0.0), (0.25, 0.5, 1.0)], ids=["above", "below"])
@pytest.mark.parametrize("how", ["exact", "monte_carlo"])
def test_free_bits_are_free_where_the_kl_is_estimated_too(how, free, penalty, slope):
    """q = N(1, 1) and p = N(0, 1): the KL is 1/2 and its slope to the mean is 1. A batch of 500 examples."""
    x = np.zeros((500, *E), np.float32)
    vae = model((np.zeros((D, 3)), np.array([1.0, 0.0]), np.eye(D)))
    penalties, slopes = [], []
    for seed in range(4):
        with tf.GradientTape() as tape:
            losses = ELBO(kl=how, free_bits=free)(vae, Batch(x), seed, tf.constant(0))
            paid = tf.reduce_mean(losses.per_example - losses.terms["negative_log_likelihood"])
        penalties.append(float(paid))
        slopes.append(float(tape.gradient(paid, vae.encoder.shift)[0]))
    error = 1 / np.sqrt(4 * 500)  # of the mean of log q(z) - log p(z) = z - 1/2
    assert np.mean(penalties) == pytest.approx(penalty, abs=SIGMAS * error)
    assert np.mean(slopes) == pytest.approx(slope, abs=SIGMAS * error * slope + 1e-6)  # that of a draw is z


@pytest.mark.parametrize("weights", [None, [0.3, 0.0, 0.1, 0.6, 0.0]], ids=["even", "weighted"])
@pytest.mark.parametrize("how", ["exact", "monte_carlo"])
def test_free_bits_per_latent_are_a_floor_under_the_mean_kl_of_each(how, weights):
    matrix, shift, noise = np.array([[0.9, 0.1, 0.0], [0.1, 0.0, 0.2]]), np.array([0.5, 0.1]), np.array([0.7, 0.9])
    vae = VAE(DiagonalEncoder(matrix, shift, noise), LinearDecoder(), c.StandardNormal(D))
    objective = ELBO(
        kl=how, samples=1 if how == "exact" else 4000, beta=2.0, free_bits=0.3, free_bits_per="latent"
    )
    x = data()
    losses = objective(vae, Batch(x, weights=weights), 0, tf.constant(0))
    mean = x @ matrix.T + shift
    each = 0.5 * (noise**2 + mean**2 - 1) - np.log(noise)  # [B, D]
    of_batch = np.average(each, axis=0, weights=weights)
    assert of_batch[0] > 0.3 > of_batch[1]
    paid = np.average(losses.per_example - losses.terms["negative_log_likelihood"], weights=weights)
    tolerance = 1e-4 if how == "exact" else 0.05
    assert paid == pytest.approx(2 * (of_batch[0] + 0.3), rel=tolerance)
    np.testing.assert_allclose(losses.terms["kl"], each.sum(1), rtol=tolerance, atol=tolerance)


def test_a_latent_below_its_free_bits_alone_has_no_gradient_of_the_kl():
    vae = VAE(DiagonalEncoder(np.zeros((D, 3)), [1.0, 0.1], [1.0, 1.0]), LinearDecoder(), c.StandardNormal(D))
    with tf.GradientTape() as tape:
        losses = ELBO(free_bits=0.3, free_bits_per="latent")(vae, Batch(data()), 0, tf.constant(0))
        paid = tf.reduce_mean(losses.per_example - losses.terms["negative_log_likelihood"])
    np.testing.assert_allclose(tape.gradient(paid, vae.encoder.shift), [1.0, 0.0], atol=1e-6)


class Blocks(Encoder):
    """q(z2, z1|x) = N(z2; x_1 / 10, 1/4) N(z1; z2 / 2, 1), the blocks of two latents."""

    def posterior(self, x):
        z2 = tfd.Independent(tfd.Normal(0.1 * x[:, :1], 0.5), 1)
        return Hierarchy(z2, lambda above: tfd.Independent(tfd.Normal(0.5 * above, 1.0), 1), 1)


def test_free_bits_per_block_are_a_floor_under_the_mean_kl_of_each():
    """E KL(q(z1|z2) || N(0, 1)) = E z2² / 8 is below the floor, the KL of z2 above it."""
    vae, x = VAE(Blocks(), LinearDecoder(), c.StandardNormal(D)), data()
    objective = ELBO(samples=5000, free_bits=0.2, free_bits_per="block")
    objective.check(vae)
    assert objective.describe(vae) == {"kl": "monte_carlo"}
    losses = objective(vae, Batch(x), 0, tf.constant(0))
    mean = 0.1 * x[:, 0]
    of_blocks = [0.5 * (0.25 + mean**2 - 1) - np.log(0.5), (mean**2 + 0.25) / 8]
    assert of_blocks[0].mean() > 0.25
    assert of_blocks[1].mean() < 0.15
    np.testing.assert_allclose(losses.terms["kl"], sum(of_blocks), atol=0.1)
    paid = losses.per_example - losses.terms["negative_log_likelihood"]
    assert np.mean(paid) == pytest.approx(of_blocks[0].mean() + 0.2, abs=0.05)


@pytest.mark.parametrize(
    ("kl", "vae", "got"),
    [
        ("auto", model, "one block of all latents"),
        ("exact", lambda: VAE(Blocks(), LinearDecoder(), c.StandardNormal(D)), "kl = 'exact', which is not known"),
        ("auto", lambda: VAE(Blocks(), LinearDecoder(), c.Mixture(D, 3)), r"\w*Mixture\w*. Use the prior and"),
    ],
    ids=["no blocks", "exact", "mixture"],
)
def test_free_bits_per_block_need_a_kl_of_each_block(kl, vae, got):
    with pytest.raises(ConfigError, match=f"got {got}"):
        ELBO(kl, free_bits=0.1, free_bits_per="block").check(vae())


@pytest.mark.parametrize(
    ("posterior", "prior", "message"),
    [
        (
            c.FullCovarianceNormal,
            c.StandardNormal(D),
            "ELBO: expected a diagonal posterior.*MultivariateNormalTriL",
        ),
        (c.DiagonalNormal, c.Mixture(D, 3), "expected a prior that is a product.*not 'all'; got .*Mixture"),
    ],
    ids=["posterior", "prior"],
)
def test_free_bits_per_latent_need_a_kl_of_each_latent(posterior, prior, message):
    with pytest.raises(ConfigError, match=message):
        ELBO(free_bits=0.1, free_bits_per="latent").check(heads(posterior(D), prior))


@pytest.mark.parametrize(
    ("step", "beta"),
    [
        (0, 0.0),
        (5, 1.0),
        (10, 2.0),
        (19, 2.0),
        (20, 0.0),
        (25, 1.0),
        (35, 2.0),
        (45, 1.0),
        (50, 2.0),
        (10**6, 2.0),
    ],
)
def test_beta_grows_again_in_each_cycle_and_stays_after_the_last(step, beta):
    objective = ELBO(beta=2.0, warmup_epochs=1, warmup_cycles=3, steps_per_epoch=10)
    assert float(objective.beta_at(tf.constant(step))) == pytest.approx(beta)
    assert objective.warmup_steps == 50


def test_only_free_bits_couple_the_rows_of_an_elbo():
    assert [ELBO(free_bits=free).couples_rows for free in (0.0, 1.0)] == [False, True]


def test_free_bits_above_every_kl_leave_only_the_likelihood_to_learn():
    vae, x = model(), data()
    gradients = []
    for objective in (ELBO(free_bits=100.0), ELBO(beta=0.0)):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(objective(vae, Batch(x), 0, tf.constant(0)).per_example)
        gradients.append(tape.gradient(value, vae.encoder.lower))
    np.testing.assert_allclose(*gradients, rtol=1e-5)


# Parts that no loss trains

UNTRAINED = {
    "elbo": (lambda: ELBO(beta=0.0), "prior", "beta = 0 leaves the KL out of the loss"),
    "rate": (Rate, "decoder", "the rate does not depend on it"),
}


@pytest.mark.parametrize("case", UNTRAINED)
def test_a_part_that_the_loss_does_not_train_is_frozen(case):
    make, part, reason = UNTRAINED[case]
    encoder = c.NetworkEncoder(c.Dense(()), c.DiagonalNormal(2), (4,))
    vae = VAE(encoder, c.NetworkDecoder(c.Dense(()), c.Normal((4,)), 2), c.Mixture(2, components=2))
    message = rf"{case}: .*whose {part} is not trained, as {reason}; got .*{part}/.*vae.{part}.trainable = False"
    for objective in (make(), SemiSupervised(make())):
        with pytest.raises(ConfigError, match=f"(?i)({case}|SemiSupervised){message.removeprefix(case)}"):
            objective.check_training(vae)
    with pytest.raises(ConfigError, match=f"(?i){message}"):
        vae.compile(objective=make())
    with pytest.raises(ConfigError, match=f"(?i){message}"):
        Trainer(vae, make(), np.zeros((10, 4), np.float32), TrainSettings())
    getattr(vae, part).trainable = False
    vae.compile(objective=make(), run_eagerly=True)
    vae.fit(np.ones((10, 4), np.float32), verbose=0)


# Shapes, seeds, graphs

OBJECTIVES = {
    "elbo": ELBO(),
    "elbo of many": ELBO(kl="monte_carlo", samples=4, free_bits=1.0, warmup_epochs=3, steps_per_epoch=1),
    "iwae": IWAE(4),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("batch", [1, 5])
def test_losses_and_terms_are_per_example(objective, batch):
    losses = objective(model(), Batch(data(batch)), 0, tf.constant(1))
    assert losses.per_example.shape == (batch,)
    assert set(losses.terms) == set(objective.terms)
    assert {term.shape.as_list()[0] for term in losses.terms.values()} == {batch}
    assert {term.dtype for term in [losses.per_example, *losses.terms.values()]} == {tf.float32}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_loss_is_a_function_of_its_seed_in_graphs_too(objective):
    vae, x = model(), data()
    first = loss(objective, vae, x, 3, 1)
    tf.random.set_seed(5)
    np.testing.assert_array_equal(loss(objective, vae, x, 3, 1), first)
    assert np.all(loss(objective, vae, x, 4, 1) != first)
    graph = tf.function(lambda x, seed, step: objective(vae, Batch(x), seed, step).per_example)
    np.testing.assert_allclose(graph(x, tf.constant([0, 3]), tf.constant(1)), first, rtol=1e-4)


# The form of the KL


def heads(posterior, prior):
    return VAE(c.NetworkEncoder(c.Dense((4,)), posterior, E), LinearDecoder(), prior)


PAIRS = {
    "diagonal, standard": (lambda: heads(c.DiagonalNormal(D), c.StandardNormal(D)), "exact"),
    "full, standard": (lambda: heads(c.FullCovarianceNormal(D), c.StandardNormal(D)), "exact"),
    "diagonal, mixture": (lambda: heads(c.DiagonalNormal(D), c.Mixture(D, 3)), "monte_carlo"),
    "full, flow": (lambda: heads(c.FullCovarianceNormal(D), c.MAF(D, 1, (4,))), "monte_carlo"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_auto_is_exact_where_a_closed_form_is_registered(pair):
    build, expected = PAIRS[pair]
    vae = build()
    assert resolve_kl("auto", vae) == expected
    assert ELBO().describe(vae) == {"kl": expected}
    assert resolve_kl("monte_carlo", vae) == "monte_carlo"
    same = loss(ELBO(kl=expected), vae, data(), 0)
    np.testing.assert_allclose(loss(ELBO(), vae, data(), 0), same, rtol=1e-6)


def test_exact_and_monte_carlo_agree():
    vae, x = heads(c.FullCovarianceNormal(D), c.StandardNormal(D)), data()
    q = vae.posterior(x)
    z = q.sample(20_000, seed=[1, 2])
    difference = (q.log_prob(z) - vae.prior.distribution().log_prob(z)).numpy().astype(np.float64)
    exact = exact_kl(q, vae.prior.distribution()).numpy()
    assert np.all(np.abs(difference.mean(0) - exact) < SIGMAS * difference.std(0) / np.sqrt(20_000))


MESSAGE = r"registers no KL between a posterior MultivariateNormalDiag and a prior \w*Mixture\w*.*'monte_carlo'"


def test_no_exact_kl_to_a_mixture():
    vae = heads(c.DiagonalNormal(D), c.Mixture(D, 3))
    assert exact_kl(vae.posterior(data()), vae.prior.distribution()) is None
    for ask in (lambda: resolve_kl("exact", vae), lambda: ELBO(kl="exact").describe(vae)):
        with pytest.raises(ConfigError, match=MESSAGE) as error:
            ask()
        assert error.value.parameter == "kl"


def test_asking_for_an_exact_kl_is_never_answered_by_an_estimate():
    vae = heads(c.DiagonalNormal(D), c.Mixture(D, 3))
    with pytest.raises(ConfigError, match=MESSAGE):
        ELBO(kl="exact")(vae, Batch(data()), 0, tf.constant(0))


# Settings


@pytest.mark.parametrize(
    ("settings", "parameter", "message"),
    [
        ({"warmup_epochs": 5, "beta": 0.0}, "warmup_epochs", "warmup_epochs = 5 has no effect with beta = 0"),
        ({"free_bits": 0.5, "beta": 0.0}, "free_bits", "free_bits = 0.5 has no effect with beta = 0"),
        (
            {"free_bits_per": "latent"},
            "free_bits_per",
            "free_bits_per has no effect with free_bits = 0. Set free_bits",
        ),
        ({"warmup_cycles": 2}, "warmup_cycles", "warmup_cycles has no effect with warmup_epochs = 0"),
        ({"warmup_epochs": 0.5}, "warmup_epochs", "expected steps_per_epoch with warmup_epochs = 0.5; got none"),
    ],
    ids=str,
)
def test_settings_without_an_effect_are_refused(settings, parameter, message):
    with pytest.raises(ConfigError, match=message) as error:
        ELBO(**settings)
    assert error.value.parameter == parameter

"""The two bounds, on a linear model with normal noise, where log p(x) is known in closed form."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.python.eager.polymorphic_function import polymorphic_function

from probvae import components as c
from probvae.core import VAE, Decoder, Encoder, Split, Stream, fold_in
from probvae.data import Batches
from probvae.errors import ProbvaeError
from probvae.evaluation import Convergence, Estimate, bounds, example_bounds
from probvae.evaluation.pareto import pareto_k, tail_size
from probvae.evaluation.passes import over_examples
from probvae.evaluation.weights import DRAWS, ROWS

tfd = tfp.distributions

D, E = 2, 4
RNG = np.random.default_rng(0)
W = RNG.normal(size=(E, D))
SHIFT = RNG.normal(size=E)
NOISE = 0.8
COVARIANCE = W @ W.T + NOISE**2 * np.eye(E)
POSTERIOR = np.linalg.inv(np.eye(D) + W.T @ W / NOISE**2)  # the covariance of p(z|x)


class Linear(Decoder):
    """p(x|z) = N(W z + b, noise²)."""

    def __init__(self):
        super().__init__()
        self.decoded = []  # how many latents at a time

    def likelihood(self, z):
        if z.shape.rank == 3 and None not in z.shape:
            self.decoded.append(z.shape[0] * z.shape[1])
        loc = tf.linalg.matvec(tf.constant(W, tf.float32), z) + tf.constant(SHIFT, tf.float32)
        return tfd.MultivariateNormalDiag(loc, NOISE * tf.ones(E))


class Inferred(Encoder):
    """The exact posterior, or the same displaced by `off` in each latent."""

    def __init__(self, off=0.0):
        super().__init__()
        self.off = off

    def posterior(self, x):
        gain = tf.constant(POSTERIOR @ W.T / NOISE**2, tf.float32)
        loc = tf.linalg.matvec(gain, x - tf.constant(SHIFT, tf.float32)) + self.off
        scale = tf.constant(np.linalg.cholesky(POSTERIOR), tf.float32)
        return tfd.MultivariateNormalTriL(loc, scale)


OFF = 0.5
GAP = 0.5 * OFF**2 * np.linalg.inv(POSTERIOR).sum()  # KL(q(z|x) || p(z|x)), the same for each x


def log_p(x):
    """The marginal log-density, in float64 and without the library: [N]."""
    centred = x - SHIFT
    quadratic = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(COVARIANCE), centred)
    return -0.5 * (quadratic + np.linalg.slogdet(COVARIANCE)[1] + E * math.log(2 * math.pi))


def drawn(count, seed=1):
    """Examples from the model itself."""
    x = np.random.default_rng(seed).multivariate_normal(SHIFT, COVARIANCE, size=count)
    return Split(x.astype(np.float32))


@pytest.fixture(scope="module")
def exact():
    return VAE(Inferred(), Linear(), c.StandardNormal(D))


@pytest.fixture(scope="module")
def displaced():
    return VAE(Inferred(OFF), Linear(), c.StandardNormal(D))


def mean(split):
    return log_p(split.stored.astype(np.float64)).mean()


# Values


@pytest.mark.parametrize(("samples", "batch_size"), [(1, 2000), (7, 100), (60, 2000)])
def test_with_the_exact_posterior_both_bounds_are_log_p_whatever_the_sizes(exact, samples, batch_size):
    """Every importance weight is p(x) itself."""
    split = drawn(23)
    for found in bounds(exact, split, samples, batch_size=batch_size):
        assert found.value == pytest.approx(mean(split), abs=2e-5)
        values = log_p(split.stored.astype(np.float64))
        assert found.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(23), rel=1e-4)
        assert (found.examples, found.samples) == (23, samples)


@pytest.mark.parametrize("kind", ["ours", "of others"])
def test_evaluations_of_several_models_are_no_reason_for_a_warning_of_tensorflow(kind, exact, monkeypatch):
    if kind == "ours":
        decoder = c.NetworkDecoder(c.Dense((4,)), c.Normal((E,)), D)
        exact = VAE(c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(D), (E,)), decoder, c.StandardNormal(D))
    warnings = []
    monkeypatch.setattr(tf.get_logger(), "warning", lambda text, *_: warnings.append(text))
    monkeypatch.setattr(polymorphic_function, "FREQUENT_TRACING_WARNING_THRESHOLD", 2)  # instead of five models
    for samples in (1, 2):
        bounds(exact, drawn(2), samples)
        over_examples(exact, drawn(2), lambda batch, seed: {"x": batch.x}, 0)
    assert warnings == []


def test_the_lower_bound_is_below_log_p_by_the_divergence_of_the_posteriors(displaced):
    split = drawn(200)
    elbo, _ = bounds(displaced, split, 500)
    # A log-weight's variance about its mean is 2 GAP here: 100,000 of them.
    assert elbo.value == pytest.approx(mean(split) - GAP, abs=5 * math.sqrt(2 * GAP / 100_000))


def test_many_importance_samples_close_the_gap(displaced):
    split = drawn(200)
    found = {samples: bounds(displaced, split, samples) for samples in (1, 10, 1000)}
    gaps = [mean(split) - found[samples].importance_weighted.value for samples in found]
    assert gaps[0] > 3 * abs(gaps[1])
    assert gaps[0] == pytest.approx(GAP, abs=5 * math.sqrt(2 * GAP / 200))
    assert abs(gaps[2]) < 0.02
    for elbo, weighted in found.values():
        assert elbo.value <= weighted.value
    assert found[1].elbo == found[1].importance_weighted


def test_the_standard_errors_hold_for_the_population_that_the_examples_are_from(exact):
    """Against the negative entropy, the mean of log p(x) over all x."""
    truth = -0.5 * (E * (1 + math.log(2 * math.pi)) + np.linalg.slogdet(COVARIANCE)[1])
    for found in bounds(exact, drawn(5000, seed=100), 1):
        assert abs(found.value - truth) < 4 * found.standard_error
        assert found.standard_error == pytest.approx(math.sqrt(E / 2 / 5000), rel=0.1)


def test_the_standard_error_covers_the_noise_of_the_samples(displaced):
    """With one latent each, repetitions on the same examples differ by less than the error that is stated."""
    split = drawn(100)
    found = [bounds(displaced, split, 1, seed=seed).elbo for seed in range(5)]
    values = [one.value for one in found]
    assert len(set(values)) == 5
    assert np.std(values, ddof=1) < 1.5 * found[0].standard_error


def log_weights(vae, split, samples, seed):
    """The log-weights [S, N] of at most ROWS examples by hand, in float64: drawn in units of ROWS x DRAWS."""
    noise = fold_in(seed, Stream.EVALUATION)
    key = fold_in(noise, Stream.LATENT, 0)
    N = len(split)
    given = [None if array is None else array[np.arange(ROWS) % N] for array in (split.condition, split.observed)]
    x = split.stored if split.observed is None else np.where(split.observed, split.stored, 0)
    q = vae.posterior(x[np.arange(ROWS) % N], given[0])
    drawn = [q.sample(DRAWS, seed=fold_in(key, unit)) for unit in range(-(-samples // DRAWS))]
    z = tf.concat(drawn, axis=0)[:samples]  # [S, ROWS, D]
    log_q = q.log_prob(z).numpy()[:, :N]
    log_p = vae.log_joint(x, z[:, :N], *(None if values is None else values[:N] for values in given)).numpy()
    return log_p.astype(np.float64) - log_q


def test_conditions_missing_values_and_a_mixture_posterior_enter_as_in_the_models_own_densities():
    """With a prior of each condition, and a posterior in layers whose top is sampled evenly."""
    rng, C = np.random.default_rng(3), 3
    condition = np.eye(C, dtype=np.float32)[rng.integers(C, size=20)]
    head = c.HierarchicalPosterior(4, c.MixturePosterior(2, 2), c.Dense(hidden=(4,)), c.DiagonalNormal(2))
    vae = VAE(
        c.NetworkEncoder(c.Dense(hidden=(4,)), head, (E,), C),
        c.NetworkDecoder(c.Dense(hidden=(4,)), c.Bernoulli((E,)), 4, C),
        c.Conditional(C, c.Dense(hidden=(4,)), c.DiagonalNormal(4)),
    )
    x = (rng.random((20, E)) < 0.5).astype(np.float32)
    split = Split(x, condition=condition, observed=rng.random((20, E)) < 0.7)
    log_w = log_weights(vae, split, 50, 5)
    for batch_size in (7, 2000):
        found = example_bounds(vae, split, 50, 5, batch_size)
        np.testing.assert_allclose(found["elbo"], log_w.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(
            found["importance_weighted"], np.logaddexp.reduce(log_w) - math.log(50), atol=1e-4
        )


@pytest.mark.parametrize("samples", [1, 7, 50, 120])
def test_the_bounds_are_the_mean_and_the_log_mean_exp_of_the_log_weights(displaced, samples):
    """With their errors, in NumPy and from all weights at once."""
    split = drawn(9)
    log_w = log_weights(displaced, split, samples, 5)
    elbo, weighted = bounds(displaced, split, samples, seed=5)
    assert log_w.shape == (samples, 9)
    for found, values in [(elbo, log_w.mean(axis=0)), (weighted, np.logaddexp.reduce(log_w) - math.log(samples))]:
        assert found.value == pytest.approx(values.mean(), rel=1e-5)
        assert found.standard_error == pytest.approx(values.std(ddof=1) / 3, rel=1e-4)
    if samples == 1:
        assert elbo.monte_carlo_error is weighted.monte_carlo_error is None
        return
    w = np.exp(log_w - log_w.max(axis=0))
    of_elbo, of_weighted = (
        x.std(axis=0, ddof=n) / np.sqrt(samples) for x, n in [(log_w, 1), (w / w.mean(axis=0), 0)]
    )
    assert elbo.monte_carlo_error == pytest.approx(np.sqrt(np.sum(of_elbo**2)) / 9, rel=1e-4)
    assert weighted.monte_carlo_error == pytest.approx(np.sqrt(np.sum(of_weighted**2)) / 9, rel=1e-4)


@pytest.mark.parametrize("samples", [2, 30, 1001])
def test_the_diagnostics_are_those_of_all_weights_at_once(displaced, samples):
    split = drawn(6)
    log_w = log_weights(displaced, split, samples, 5)
    found = example_bounds(displaced, split, samples, 5, batch_size=70)
    w = np.exp(log_w - log_w.max(axis=0))
    np.testing.assert_allclose(found["effective_sample_size"], w.sum(0) ** 2 / (w**2).sum(0), rtol=1e-4)
    half = np.logaddexp.reduce(log_w[: samples // 2]) - math.log(samples // 2)
    np.testing.assert_allclose(found["importance_weighted_half"], half, rtol=1e-5)
    np.testing.assert_allclose(
        found["pareto_k"], pareto_k(np.sort(log_w, axis=0)[-tail_size(samples) - 1 :]), atol=1e-3
    )
    assert np.isnan(found["pareto_k"]).all() == (samples < 25)


def test_weights_beyond_the_range_of_floats_do_not_underflow(displaced):
    far = Split(np.full((3, E), 1e3, np.float32))
    elbo, weighted = bounds(displaced, far, 100)
    truth = mean(far)
    assert truth < -1e5
    assert weighted.value == pytest.approx(truth, rel=1e-4)
    assert elbo.value == pytest.approx(truth, rel=1e-4)


class Weighing(VAE):
    """A model whose log-weights are a function of the examples alone: q(z|x) is p(z)."""

    def __init__(self, weigh):
        super().__init__(Inferred(), Linear(), c.StandardNormal(D))
        self.weigh = weigh

    def posterior(self, x, condition=None):
        return tfd.MultivariateNormalDiag(tf.zeros((len(x), D)), tf.ones(D))

    def log_likelihood(self, x, z, condition=None, observed=None):
        return tf.broadcast_to(self.weigh(x), tf.shape(z)[:-1])


@pytest.mark.parametrize(("samples", "batch_size"), [(5_000, 1), (50_000, 1000), (50_000, 20_000)])
def test_equal_log_weights_are_both_bounds_however_many_samples_there_are(samples, batch_size):
    """In single precision the sum of 50,000 weights of exp(-10,000) is off by 0.06 nats, or by 0.9 one by one."""
    far = Weighing(lambda x: tf.fill(tf.shape(x)[:1], -1e4))
    for found in bounds(far, drawn(2), samples, batch_size=batch_size):
        assert found.value == pytest.approx(-1e4, abs=1e-6)
        assert found.standard_error == pytest.approx(0, abs=1e-6)


def test_the_mean_and_its_error_keep_what_single_precision_loses():
    """Log-weights near -10⁷, where single precision knows whole nats only."""
    split = Split((np.arange(300) % 2 - 1e7).astype(np.float32)[:, None].repeat(E, axis=1))
    for found in bounds(Weighing(lambda x: x[:, 0]), split, 3, batch_size=30):
        assert found.value == pytest.approx(0.5 - 1e7, abs=1e-6)
        assert found.standard_error == pytest.approx(0.5 / math.sqrt(299), rel=1e-6)


# Seeds and sizes


def test_a_dynamic_split_has_the_bits_of_the_seed_and_shares_none_with_training():
    """Seen through a log-weight that differs for each row of bits."""
    grey = Split(np.full((1, E, 16), 0.5, np.float32), binarize_on_read=True)  # 64 bits in a single example
    place = tf.constant(np.random.default_rng(0).normal(size=(E, 16)), tf.float32)

    def weigh(x):
        return tf.reduce_sum(x * place, axis=(1, 2))

    first, again, other = (bounds(Weighing(weigh), grey, 1, seed=seed).elbo.value for seed in (0, 0, 1))
    assert first == again != other
    trained = [float(weigh(Batches(grey, 1, seed=0).batch(step).x)[0]) for step in range(20)]
    assert min(abs(first - value) for value in trained) > 1e-6


def test_equal_seeds_give_equal_estimates_and_others_do_not(displaced):
    split = drawn(10)
    assert bounds(displaced, split, 5, seed=3) == bounds(displaced, split, 5, seed=3)
    assert bounds(displaced, split, 5, seed=3) != bounds(displaced, split, 5, seed=4)


@pytest.fixture(scope="module")
def estimated(displaced):
    """The estimates for 101 examples, one more than a unit has, with 90 samples."""
    return example_bounds(displaced, drawn(101), 90, 3)


def assert_close(found, expected, count):
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name][:count], rtol=1e-4, atol=1e-4, err_msg=name)


@settings(max_examples=5, deadline=None)
@given(batch_size=st.integers(1, 12_000), count=st.sampled_from([1, 3, 100, 101]))
def test_the_numbers_depend_neither_on_the_batch_size_nor_on_later_examples(
    displaced, estimated, batch_size, count
):
    batch_size = max(batch_size, count // 5)  # some hundred parts at most
    found = example_bounds(displaced, Split(drawn(101).stored[:count]), 90, 3, batch_size)
    assert_close(found, estimated, count)


def test_more_samples_are_added_to_those_that_are_there(displaced, estimated):
    first = example_bounds(displaced, drawn(101), 45, 3)["importance_weighted"]
    np.testing.assert_allclose(first, estimated["importance_weighted_half"], rtol=1e-5)


def test_examples_do_not_share_their_noise(displaced):
    """Equal examples, in one batch or in several, get estimates of their own."""
    same = Split(np.repeat(drawn(1).stored, 12, axis=0))
    found = bounds(displaced, same, 1, batch_size=4).elbo
    assert found.standard_error > 0
    log_w = displaced.log_weights(same.stored, 1, 0).numpy()[0]
    assert len(set(log_w)) == 12


def test_no_more_latents_are_decoded_at_a_time_than_batch_size_says():
    model = VAE(Inferred(), Linear(), c.StandardNormal(D))
    model.decoder.decoded.clear()
    bounds(model, drawn(3), samples=100, batch_size=10)
    assert model.decoder.decoded
    assert max(model.decoder.decoded) <= 10


def test_one_example_has_a_value_and_no_error(exact):
    split = drawn(1)
    elbo, weighted = bounds(exact, split, 5)
    assert elbo.value == pytest.approx(mean(split), abs=2e-5)
    assert weighted.examples == 1
    assert elbo.standard_error is None
    assert str(elbo).endswith("± ?")


def test_no_example_is_refused_in_words(exact):
    with pytest.raises(ProbvaeError, match="example"):
        bounds(exact, Split(np.zeros((0, E), np.float32)), 5)


def test_progress_ends_with_all_examples(exact):
    reported = []
    bounds(exact, drawn(23), 10, batch_size=100, progress=lambda done, total: reported.append((done, total)))
    assert reported[-1] == (23, 23)
    assert reported == sorted(reported)


def test_an_estimate_reads_as_value_and_error(exact):
    elbo, _ = bounds(exact, drawn(23), 1)
    assert str(elbo) == f"{elbo.value:.2f} ± {elbo.standard_error:.2f}"


def test_stored_values_are_prepared_as_the_model_sees_them(exact):
    """Divided where the split says so."""
    split = drawn(8)
    scaled = Split(split.stored * 4, divide_by=4.0)
    assert bounds(exact, scaled, 3).elbo.value == pytest.approx(bounds(exact, split, 3).elbo.value, rel=1e-5)


def test_a_batch_that_does_not_fit_into_the_memory_is_refused_before_it_is_computed(monkeypatch):
    head = c.DiagonalNormal(D)
    vae = VAE(
        c.NetworkEncoder(c.Dense(hidden=[4]), head, (E,)),
        Linear(),
        c.Mixture(latent_dim=D, components=1000),
    )
    split = Split(np.zeros((50, E), np.float32), None)
    monkeypatch.setattr("probvae.evaluation.weights.available_memory", lambda: 10**7)
    with pytest.raises(ProbvaeError, match=r"evaluate.batch_size: expected a batch that fits .* got 2000 latents"):
        bounds(vae, split, samples=40)
    assert np.isfinite(bounds(vae, split, samples=40, batch_size=40).elbo.value)


def test_bits_per_dimension_are_those_of_a_code():
    """Eight elements that are 0 or 1 with even odds take a bit each."""
    fair = Estimate(-8 * math.log(2), 0.4, None, 100, 1)
    assert fair.bits(8).value == pytest.approx(1)
    assert str(fair.bits(8)) == "1.000 ± 0.072"
    assert str(Estimate(-8 * math.log(2), None, None, 1, 1).bits(4)) == "2.000 ± ?"


def converged(samples, half, size, k):
    """The convergence of two examples with a bound of -10."""
    found = {"importance_weighted": -10.0, "importance_weighted_half": half, "effective_sample_size": size}
    return Convergence.of({name: np.full(2, value) for name, value in {**found, "pareto_k": k}.items()}, samples)


def test_what_has_not_converged_is_said_with_a_number_of_samples():
    good = converged(1000, -10.05, 50.0, 0.6)
    assert good.warning == ""
    assert (good.half, good.effective_sample_size, good.share_under_5) == (-10.05, 50.0, 0.0)
    assert good.share_k_over_0_7 == 0.0
    rising = converged(100, -10.5, 3.0, np.nan)
    assert rising.warning == (
        "importance-weighted bound not converged: it rose by 0.50 nats from 50 to 100 samples, and 100% of the "
        "examples have an effective sample size under 5; use --samples 5000"
    )
    assert rising.share_k_over_0_7 is None
    assert converged(5000, -10.2, 50.0, 0.9).warning.endswith(
        "nats from 2,500 to 5,000 samples; use --samples 50000"
    )
    assert converged(1, np.nan, 1.0, np.nan).warning.startswith("one sample says nothing about convergence")

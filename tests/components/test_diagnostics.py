"""Metrics of models for which the numbers are known in closed form."""

import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.components.metrics.precision_recall import precision_recall
from probvae.core import REAL, VAE, Condition, CustomDistribution, Data, DataInfo, Decoder, Encoder, Prior, Split
from probvae.errors import ConfigError, UserError
from probvae.registry import Registry
from probvae.testing.case import Case
from probvae.testing.linear_gaussian import NOISE, small_model

tfd = tfp.distributions
D = 4
OWN = tuple(name for name in Registry().names("metric") if "." not in name)
"""The built-in metrics."""
SETTINGS = {"precision_recall": {"steps": 3}, "annealed_importance": {"max_examples": 4, "chains": 2, "steps": 3}}
"""How little they do here."""


class Affine(Encoder):
    """q(z|x) = N(x A + shift, diag(scale²))."""

    def __init__(self, matrix, scale=0.1, shift=0.0):
        super().__init__()
        self.matrix, self.scale = tf.constant(matrix, tf.float32), scale
        self.shift = tf.constant(shift + np.zeros(len(matrix[0])), tf.float32)

    def posterior(self, x):
        loc = x @ self.matrix + self.shift
        return tfd.MultivariateNormalDiag(loc, self.scale * tf.ones_like(loc))


class WithoutMean(Affine):
    """The same without a mean."""

    def posterior(self, x):
        q = super().posterior(x)
        return CustomDistribution(
            lambda n, seed: q.sample(n, seed=seed), q.log_prob, tf.shape(x)[:1], q.event_shape.as_list()
        )


class Modes(Prior):
    """An even mixture of narrow normals at some points."""

    def __init__(self, points):
        super().__init__()
        self.points = tf.constant(points, tf.float32)

    def distribution(self):
        each = tfd.MultivariateNormalDiag(self.points, 0.3 * tf.ones_like(self.points))
        return tfd.MixtureSameFamily(tfd.Categorical(logits=tf.zeros(len(self.points))), each)


class Near(Decoder):
    """p(x|z) = N(z, 0.1² I)."""

    def likelihood(self, z):
        return tfd.MultivariateNormalDiag(z, 0.1 * tf.ones_like(z))


def data_of(test, train=None, **test_parts):
    """Data of real numbers [N, E] with these test examples."""
    test = Split(np.asarray(test, np.float32), **test_parts)
    train = train or replace(test)
    event, condition = test.stored.shape[1:], None
    if test.condition is not None:
        condition = Condition(tuple("abc"), one_hot=True)
    sizes = (len(train), len(test), len(test))
    return Data(DataInfo(event, REAL, sizes, "made up", "here", condition=condition), train, test, test)


def measure(name, vae, data, seed=0, **settings):
    metric = Registry()["metric", name].load()(**settings)
    metric.check(vae, data)
    return metric(vae, data, seed)


def normal(count, size, seed=0):
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


# Rate and distortion


def test_examples_without_any_density_are_named(linear):
    _, x, _ = linear
    far = x.copy()
    far[[3, 690]] = 1e25  # whose squares are no longer finite
    with pytest.raises(
        UserError, match=r"Expected examples whose log p\(x\|z\) is finite; got -inf for 2 of 700, in rows 3, 690"
    ):
        measure("rate_distortion", linear[0].vae, data_of(far))


def test_examples_of_a_part_are_named_by_their_rows_in_the_whole(linear):
    _, x, _ = linear
    far = x.copy()
    far[[3, 690]] = 1e25
    numbers = 1000 + np.arange(700)
    with pytest.raises(UserError, match=r"in rows 1003, 1690 \(counted from 0\)"):
        measure("rate_distortion", linear[0].vae, data_of(far, rows=numbers))
    ids = np.array([f"bird {number}" for number in numbers])
    with pytest.raises(UserError, match=r"in rows 1003 \('bird 1003'\), 1690 \('bird 1690'\) \(counted from 0\)"):
        measure("rate_distortion", linear[0].vae, data_of(far, rows=numbers, ids=ids))


@pytest.fixture(scope="module")
def linear():
    """A linear Gaussian model with a diagonal posterior, and examples as many as two chunks take."""
    model = small_model(Case(latent_dim=D, seed=2), "diagonal")
    x = np.asarray(model.examples(700))
    return model, x, data_of(x)


def test_rate_and_distortion_are_those_of_a_linear_gaussian_model(linear):
    model, x, data = linear
    exact, found = model.exact(model.batch(tf.constant(x))), measure("rate_distortion", model.vae, data)
    assert found["rate"].value == pytest.approx(exact.kl.mean(), rel=1e-5)
    assert found["rate"].standard_error == pytest.approx(exact.kl.std(ddof=1) / math.sqrt(700), rel=1e-4)
    distortion = found["distortion"]
    assert abs(distortion.value - exact.negative_log_likelihood.mean()) < 5 * distortion.standard_error
    np.testing.assert_allclose(found["rate_of_latents"].value, exact.kl_by_latent.mean(0), rtol=1e-4)
    assert {number.unit for number in found.values()} == {"nats per example"}
    assert not any(number.note for number in found.values())


def test_a_rate_that_has_no_closed_form_is_estimated(linear):
    """A mixture of one component is a normal, to which no KL is registered."""
    model, x, data = linear
    mixture = c.Mixture(D, 1)
    vae = VAE(model.vae.encoder, model.vae.decoder, mixture)
    p = mixture.distribution().components_distribution[0]
    exact = tfd.kl_divergence(model.vae.posterior(x), tfd.MultivariateNormalDiag(p.mean(), p.stddev())).numpy()
    found = measure("rate_distortion", vae, data)["rate"]
    assert abs(found.value - exact.mean()) < 5 * found.standard_error
    assert 0.5 < found.standard_error / (exact.std(ddof=1) / math.sqrt(700)) < 3


def test_a_posterior_that_is_the_prior_is_reported_as_collapse(linear):
    _, _, data = linear
    collapsed = small_model(Case(latent_dim=D, seed=2), "diagonal")
    collapsed.be_prior()
    found = measure("rate_distortion", collapsed.vae, data)["rate"]
    assert found.value == pytest.approx(0, abs=1e-5)
    assert "posterior collapse: below 0.01 nats" in found.note


def test_the_distortion_is_of_the_known_elements_alone(linear):
    model, x, _ = linear
    known = np.arange(x.size).reshape(x.shape) % 3 > 0
    W, bias = model._decoder()
    seen = np.where(known, x, 0.0).reshape(len(x), -1)
    q = model.vae.posterior(np.where(known, x, 0.0))
    loc, variance = np.asarray(q.mean(), np.float64) @ W + bias, np.asarray(q.variance(), np.float64) @ W**2
    each = 0.5 * ((seen - loc) ** 2 + variance) / NOISE**2 + math.log(NOISE) + 0.5 * math.log(2 * math.pi)
    found = measure("rate_distortion", model.vae, data_of(x, observed=known))["distortion"]
    assert abs(found.value - (each * known.reshape(each.shape)).sum(1).mean()) < 5 * found.standard_error


def test_a_hierarchy_has_a_rate_of_each_block():
    sizes = (2, 3)
    head = c.HierarchicalPosterior(
        5, c.DiagonalNormal(2), c.Dense((4,)), c.DiagonalNormal(3), sizes
    )  # fmt: skip
    prior = c.HierarchicalPrior(5, c.StandardNormal(2), c.Conditional(2, c.Dense(()), c.DiagonalNormal(3)), sizes)
    vae = VAE(c.NetworkEncoder(c.Dense(()), head, (3,)), c.NetworkDecoder(c.Dense(()), c.Normal((3,)), 5), prior)
    found = measure("rate_distortion", vae, data_of(normal(600, 3)))
    assert list(found) == ["distortion", "rate", "rate_of_z2", "rate_of_z1"]
    assert found["rate_of_z2"].value + found["rate_of_z1"].value == pytest.approx(found["rate"].value, rel=1e-5)


# Active units


def test_units_whose_posterior_mean_varies_are_active():
    """Two of four latents depend on x, one of them with a variance near 0.04."""
    matrix = np.zeros((3, D))
    matrix[0, 1], matrix[1, 2] = 1.0, 0.2
    x = normal(900, 3)
    vae = VAE(Affine(matrix), c.NetworkDecoder(c.Dense(()), c.Normal((3,)), D), c.StandardNormal(D))
    found = measure("active_units", vae, data_of(x))
    np.testing.assert_allclose(found["activity"].value, (x.astype(np.float64) @ matrix).var(0), rtol=1e-5)
    assert (found["active_units"].value, found["active_units"].unit) == (2, "of 4 latents")
    assert measure("active_units", vae, data_of(x), threshold=0.1)["active_units"].value == 1
    without = VAE(WithoutMean(matrix), vae.decoder, vae.prior)
    drawn = measure("active_units", without, data_of(x))
    np.testing.assert_allclose(drawn["activity"].value, found["activity"].value, atol=0.01)
    np.testing.assert_allclose([drawn["activity"].value[place] for place in (0, 3)], 0, atol=1e-4)
    assert drawn["active_units"].value == 2
    assert "estimated with 50 draws" in drawn["active_units"].note
    collapsed = VAE(Affine(0 * matrix), vae.decoder, vae.prior)
    assert "no latent depends on x" in measure("active_units", collapsed, data_of(x))["active_units"].note


class OfTwoNormals(Encoder):
    """q(z2|x) is a mixture of two normals at 0.12 x ± 1, whose draws are spread over both; q(z|x) has no mean."""

    def __init__(self):
        super().__init__()
        self.head = c.HierarchicalPosterior(2, c.MixturePosterior(1, 2), c.Dense(()), c.DiagonalNormal(1))

    def posterior(self, x):
        loc, one = 0.12 * x[:, :1], tf.ones_like(x[:, :1])
        rest = tf.zeros((len(x), self.head.output_shape[0] - 4))
        return self.head.posterior(tf.concat([loc - one, -2.25 * one, loc + one, -2.25 * one, rest], axis=1))


def test_draws_that_depend_on_each_other_do_not_lower_the_activity():
    x = normal(2000, 2)
    vae = VAE(OfTwoNormals(), c.NetworkDecoder(c.Dense(()), c.Normal((2,)), 2), c.StandardNormal(2))
    found = measure("active_units", vae, data_of(x))["activity"].value[0]
    assert found == pytest.approx((0.12 * x[:, 0]).var(), abs=1e-3)


def test_one_example_has_no_active_units_and_is_no_collapse(linear):
    model, x, _ = linear
    found = measure("active_units", model.vae, data_of(x[:1]))["active_units"]
    assert (found.value, found.note) == (0, "one example has no variance: evaluate several")


# Mutual information


def test_the_mutual_information_is_that_of_a_linear_gaussian_model():
    """With x ~ N(0, I), q(z) is a normal: both parts have a closed form."""
    A, scale = normal(3, 2, seed=1).astype(np.float64), 1.5
    vae = VAE(Affine(A, scale, shift=0.4), c.NetworkDecoder(c.Dense(()), c.Normal((3,)), 2), c.StandardNormal(2))
    found = measure("mutual_information", vae, data_of(normal(1600, 3)), max_examples=1500)
    covariance = A.T @ A + scale**2 * np.eye(2)
    information = 0.5 * np.linalg.slogdet(covariance)[1] - 2 * math.log(scale)
    marginal = 0.5 * (np.trace(covariance) + 2 * 0.4**2 - 2 - np.linalg.slogdet(covariance)[1])
    for name, exact in (("mutual_information", information), ("marginal_kl", marginal)):
        assert abs(found[name].value - exact) < 5 * found[name].standard_error
        assert 0 < found[name].standard_error < 0.1
        assert (found[name].unit, found[name].note) == ("nats", "")


@pytest.mark.parametrize(("scale", "exact"), [(1e-6, math.log(600)), (1.0, 0.0)], ids=["separate", "collapsed"])
def test_separate_codes_have_all_information_and_equal_ones_none(scale, exact):
    matrix = np.eye(3) if exact else np.zeros((3, 3))
    vae = VAE(Affine(matrix, scale), c.NetworkDecoder(c.Dense(()), c.Normal((3,)), 3), c.StandardNormal(3))
    found = measure("mutual_information", vae, data_of(normal(600, 3)))["mutual_information"]
    assert found.value == pytest.approx(exact, abs=1e-5)
    assert ("within 0.5 of log 600 = 6.40 nats" in found.note) is bool(exact)


def test_mutual_information_needs_one_prior_for_all():
    made = c.Conditional(3, c.Dense(()), c.DiagonalNormal(2))
    vae = VAE(Affine(np.eye(2)), c.NetworkDecoder(c.Dense(()), c.Normal((2,)), 2), made)
    labels = np.arange(6) % 3
    data = data_of(normal(6, 2), labels=labels, condition=np.eye(3, dtype=np.float32)[labels])
    with pytest.raises(ConfigError, match=r"mutual_information metric: expected one prior .* got Conditional"):
        measure("mutual_information", vae, data)


# The probe


@pytest.fixture(scope="module")
def code():
    """A model whose latents are the examples."""
    return VAE(Affine(np.eye(2)), Near(), c.StandardNormal(2))


def labelled_data(apart, count=2000):
    """Examples of two classes whose means are `apart` on the first axis: x ~ N(apart y, I)."""
    parts = []
    for seed in (0, 1):
        labels = np.arange(count) % 2
        parts.append((normal(count, 2, seed) + apart * labels[:, None] * np.array([1, 0]), labels))
    (train, train_labels), (test, labels) = parts
    return data_of(test, Split(train.astype(np.float32), train_labels), labels=labels)


def test_a_probe_finds_classes_that_are_separate(code):
    found = measure("probe", code, labelled_data(20.0))
    assert (found["probe"].value, found["probe"].standard_error) == (1.0, 0.0)
    assert found["most_frequent_class"].value == 0.5


def test_a_probe_of_two_normals_has_the_accuracy_of_the_best_classifier(code):
    """Half of their distance in deviations is the argument of the normal distribution function."""
    found = measure("probe", code, labelled_data(2.0))["probe"]
    best = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    assert abs(found.value - best) < 4 * found.standard_error


def test_a_probe_of_noise_is_as_good_as_chance(code):
    found = measure("probe", code, labelled_data(0.0))["probe"]
    assert abs(found.value - 0.5) < 4 * found.standard_error


def test_examples_without_a_label_are_left_out(code):
    data = labelled_data(20.0, count=300)
    labels = np.where(np.arange(300) < 100, -1, data.test.labels)
    wrong = np.where(np.arange(300) < 100, -1, data.train.labels)
    partly = replace(data, train=replace(data.train, labels=wrong), test=replace(data.test, labels=labels))
    found = measure("probe", code, partly)["probe"]
    assert found.value == 1.0


def renamed(data, names):
    """The data with other numbers for its classes 0, 1, ..."""
    parts = {part: getattr(data, part) for part in ("train", "validation", "test")}
    return replace(data, **{part: replace(split, labels=names[split.labels]) for part, split in parts.items()})


@pytest.mark.parametrize(("name", "number"), [("probe", "probe"), ("precision_recall", "feature_accuracy")])
def test_classes_may_have_any_numbers(name, number, code):
    data, settings = labelled_data(2.0, count=200), SETTINGS.get(name, {})
    found, same = (
        measure(name, code, some, **settings) for some in (data, renamed(data, np.array([-2, 1_000_000_000])))
    )
    assert found[number] == same[number]


def test_a_class_that_no_training_example_has_is_never_found(code):
    data = labelled_data(20.0, count=200)
    other = replace(data.test, labels=np.where(np.arange(200) < 50, 7, data.test.labels))
    found = measure("probe", code, replace(data, test=other))
    assert (found["probe"].value, found["most_frequent_class"].value) == (0.75, 0.375)


@pytest.mark.parametrize("name", ["probe", "precision_recall"])
def test_a_metric_that_learns_needs_labels_and_other_examples_to_test_on(name, code):
    data = labelled_data(1.0, count=10)
    with pytest.raises(
        ConfigError, match=f"{name} metric: expected .* got 0 test examples .* Use data with labels"
    ):
        measure(name, code, replace(data, test=replace(data.test, labels=None)))
    with pytest.raises(ConfigError, match="got 10 test examples with a label and 0 classes in the training"):
        measure(name, code, replace(data, train=replace(data.train, labels=None)))
    with pytest.raises(ConfigError, match=f"{name} metric: .* got the training examples. Choose another split"):
        measure(name, code, replace(data, test=data.train))


def test_accuracy_needs_a_classifier(code):
    with pytest.raises(
        ConfigError, match=r"accuracy metric: .* got no classifier and 10 test examples with a label"
    ):
        measure("accuracy", code, labelled_data(1.0, count=10))


# Precision and recall


def test_samples_of_the_same_distribution_have_the_density_and_the_coverage_of_their_papers():
    """Of equal distributions E[density] = 1 and E[coverage] = 1 - prod_i (N - i) / (2 N - i), i = 1 to k."""
    N, k = 1200, 3
    found = precision_recall(normal(N, 4), normal(N, 4, seed=1), k)
    coverage = 1 - np.prod([(N - i) / (2 * N - i) for i in range(1, k + 1)])
    assert abs(found["coverage"].value - coverage) < 5 * found["coverage"].standard_error
    assert abs(found["density"].value - 1) < 5 * found["density"].standard_error
    assert min(found["precision"].value, found["recall"].value) > 0.93
    assert abs(found["precision"].value - found["recall"].value) < 0.03


def test_recall_falls_with_a_mode_that_is_missing_and_precision_with_samples_that_are_spurious():
    one, both = normal(800, 4), normal(800, 4, seed=1) + 30 * (np.arange(800) % 2)[:, None]
    dropped, spurious = precision_recall(both, one, 3), precision_recall(one, both, 3)
    assert dropped["recall"].value == pytest.approx(0.5, abs=0.05)
    assert dropped["coverage"].value < 0.5
    assert dropped["precision"].value > 0.9
    assert spurious["precision"].value == pytest.approx(0.5, abs=0.05)
    assert spurious["recall"].value > 0.9


@pytest.mark.parametrize(("N", "M", "k"), [(60, 50, 1), (700, 20, 5), (2, 3, 3), (1, 4, 1)])
def test_precision_and_recall_are_those_of_the_definition(N, M, k):
    """By all distances in double precision, one by one; with fewer points than k, to the last neighbour."""
    real, made = normal(N, 3), 1.5 * normal(M, 3, seed=1)

    def radii(points):
        place = min(k, len(points) - 1)
        return [sorted(np.linalg.norm(points - one, axis=1))[place] for one in points.astype(np.float64)]

    around_real, around_made = radii(real), radii(made)
    between = np.array([[np.linalg.norm(a - b) for b in made] for a in real.astype(np.float64)])  # [N, M]
    inside = between <= np.array(around_real)[:, None]
    found = precision_recall(real, made, k)
    assert found["precision"].value == pytest.approx(inside.any(0).mean())
    assert found["recall"].value == pytest.approx((between <= np.array(around_made)).any(1).mean())
    assert found["density"].value == pytest.approx(inside.sum() / k / M)
    assert found["coverage"].value == pytest.approx(inside.any(1).mean())


def test_a_prior_without_a_mode_of_the_data_loses_recall():
    points = np.array([[0.0, 0.0], [6.0, 0.0]])
    parts = [normal(600, 2, seed) * 0.316 + points[np.arange(600) % 2] for seed in (0, 1)]
    labels = np.arange(600) % 2
    data = data_of(parts[1], Split(parts[0].astype(np.float32), labels), labels=labels)
    whole, half = (
        measure("precision_recall", VAE(Affine(np.eye(2)), Near(), Modes(some)), data, steps=60)
        for some in (points, points[:1])
    )
    assert whole["feature_accuracy"].value > 0.98
    assert whole["recall"].value > 0.85
    assert half["recall"].value == pytest.approx(0.5, abs=0.07)
    assert min(whole["precision"].value, half["precision"].value) > 0.85


# All of them


@pytest.fixture(scope="module")
def conditional():
    """A conditional model with a classifier, and images with labels, some values of which are missing."""
    event, classes = (8, 8, 1), 3
    vae = VAE(
        c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), event, classes),
        c.NetworkDecoder(c.Dense((4,)), c.Normal(event), 2, classes),
        c.StandardNormal(2),
        c.NetworkClassifier(c.Dense((4,)), event, classes),
    )
    rng, splits = np.random.default_rng(0), []
    for _ in range(2):
        labels = rng.integers(classes, size=30)
        x = rng.normal(size=(30, *event)).astype(np.float32)
        one_hot = np.eye(classes, dtype=np.float32)[labels]
        splits.append(Split(x, labels, condition=one_hot, observed=rng.random(x.shape) < 0.9))
    return vae, data_of(splits[1].stored, splits[0], **{
        name: getattr(splits[1], name) for name in ("labels", "condition", "observed")
    })  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "annealed_importance" else ()) for name in OWN]
)
def test_a_metric_is_a_function_of_the_seed_with_finite_numbers_and_units(name, conditional):
    vae, data = conditional
    found, again = (measure(name, vae, data, seed=3, **SETTINGS.get(name, {})) for _ in range(2))
    assert found == again
    for number in found.values():
        assert np.all(np.isfinite(number.value))
        assert number.standard_error is None or np.all(np.array(number.standard_error) >= 0)
        assert number.unit

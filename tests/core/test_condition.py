"""Conditions: what a user may give, which part of a model gets it, and missing elements."""

import copy

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import REAL, VAE, Batch, Condition, ConditionColumn, Data, DataInfo, Decoder, Prior, Split
from probvae.core.condition import as_conditions
from probvae.core.examples import plain_assertions
from probvae.core.network import _joined
from probvae.errors import ConfigError, DataError, ShapeError, UserError
from probvae.objectives import ELBO, IWAE, SemiSupervised

tfd = tfp.distributions

C, D, E = 3, 2, (4, 4, 1)
CLASSES = Condition(("cat", "dog", "7"), one_hot=True)
GIVEN = np.eye(C, dtype=np.float32)[[0, 1, 2, 1, 0]]


def images(count=5):
    return (np.random.default_rng(0).random((count, *E)) > 0.5).astype(np.float32)


def conditional(encoder=True, decoder=True, prior=False):
    return VAE(
        c.NetworkEncoder(c.Conv((3,)), c.DiagonalNormal(D), E, C, encoder),
        c.NetworkDecoder(c.ConvTranspose((3,), base_filters=2), c.Bernoulli(E), D, C, decoder),
        c.Conditional(C, c.Dense((4,)), c.DiagonalNormal(D)) if prior else c.StandardNormal(D),
    )


@pytest.fixture(scope="module")
def vae():
    return conditional(prior=True)


@pytest.mark.parametrize(("text", "number"), [("dog", 1), ("0", 0), ("7", 2), (" cat ", 0)])
def test_a_class_is_named_or_numbered(text, number):
    np.testing.assert_array_equal(CLASSES.read(text), np.eye(C)[number])


@pytest.mark.parametrize("text", ["3", "-1", "cow", "", "1.0"])
def test_another_class_is_refused(text):
    with pytest.raises(UserError, match="expected a class, by its name or its number from 0 to 2; got"):
        CLASSES.read(text)


def test_classes_that_are_numbers_have_no_other_numbers():
    years = Condition(("1", "2", "10"), one_hot=True)
    np.testing.assert_array_equal(years.read("2"), [0, 1, 0])
    with pytest.raises(UserError, match=r"expected a class, one of 1, 2, 10; got '0'"):
        years.read("0")


def test_numbers_are_one_for_each_column():
    columns = Condition(("age", "dose"))
    np.testing.assert_array_equal(columns.read("30,-1e2"), np.float32([30, -100]))
    for text in ("30", "1,2,3", ""):
        with pytest.raises(UserError, match=f"a value for each of age, dose, as age=.*; got '{text}'"):
            columns.read(text)
    for text in ("a,b", "nan,1", "age=1e999,dose=1"):
        with pytest.raises(UserError, match=r"condition: expected a finite number as 'age'; got '(a|nan|1e999)'"):
            columns.read(text)


AGE, TOWN = ConditionColumn("age", mean=40.0, scale=10.0), ConditionColumn("town", categories=("Graz, A", "Wien"))


@pytest.mark.parametrize("text", ["age=25,town=Graz, A", "town = Graz, A, age=25.0"])
def test_values_are_given_by_the_names_of_columns(text):
    np.testing.assert_array_equal(Condition.of((AGE, TOWN)).read(text), np.float32([-1.5, 1, 0]))


def test_values_are_given_in_the_order_of_the_columns():
    np.testing.assert_array_equal(Condition.of((AGE, TOWN)).read("50, Wien"), np.float32([1, 0, 1]))
    assert Condition.of((AGE, TOWN)).names == ("age", "town=Graz, A", "town=Wien")


def test_one_column_of_categories_is_a_class():
    town = Condition.of((TOWN,))
    assert (town.one_hot, town.names) == (True, TOWN.categories)
    for text in ("Wien", "1", "town=Wien"):
        np.testing.assert_array_equal(town.read(text), [0, 1])


WRONG = {
    "age=25": "expected a value for each of age, town, as .*; got none for town",
    "age=25,twon=Wien": "got 'twon'. Did you mean 'town'?",
    "age=25,age=3,town=Wien": "expected each column once; got 'age=25,age=3,town=Wien'",
    "age=young,town=Wien": "expected a finite number as 'age'; got 'young'",
    "age=25,town=Wein": "expected a category of 'town'; got 'Wein'. Did you mean 'Wien'?",
    "Wien": "expected a value for each of age, town, as .*; got 'Wien'",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_with_a_condition_is_said(text, message):
    with pytest.raises(UserError, match=f"condition: .*{message}"):
        Condition.of((AGE, TOWN)).read(text)


METHODS = {
    "posterior": lambda vae, c: vae.posterior(images(), c),
    "log_weights": lambda vae, c: vae.log_weights(images(), 2, 0, c),
    "log_joint": lambda vae, c: vae.log_joint(images(), tf.zeros((5, D)), c),
    "log_likelihood": lambda vae, c: vae.log_likelihood(images(), tf.zeros((5, D)), c),
    "reconstruct": lambda vae, c: vae.reconstruct(images(), 0, c),
    "sample": lambda vae, c: vae.sample(5, condition=c),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_condition_that_is_missing_or_wrong_is_a_clear_error(method, vae):
    method(vae, GIVEN)
    method(vae, GIVEN[0])  # the same for all
    method(vae, GIVEN.astype(int).tolist())
    with pytest.raises(
        UserError, match=r"condition: expected an array \[5, 3\], as the model is conditional; got n"
    ):
        method(vae, None)
    for wrong in (GIVEN[:4], GIVEN[:, :2], np.zeros((5, 3, 1))):
        with pytest.raises(ShapeError, match=r"condition: expected an array \[5, 3\]; got shape \["):
            method(vae, wrong)
    with pytest.raises(ShapeError, match=r"One-hot vectors of classes are numpy.eye\(3\)\[classes\]"):
        method(vae, [0, 1, 2, 1, 0])
    with pytest.raises(UserError, match="condition: expected finite numbers; got NaN"):
        method(vae, np.full((5, 3), np.nan))
    with pytest.raises(UserError, match=r"condition: expected an array of numbers \[5, 3\]; got"):
        method(vae, ["cat"] * 5)


def test_a_vector_that_may_be_one_condition_or_the_classes_of_all_examples_is_refused(vae):
    ways = [
        lambda c: vae.posterior(images(C), c),
        lambda c: vae.sample(C, condition=c),
        lambda c: vae.likelihood(tf.zeros((2, C, D)), c),
    ]
    for way in ways:
        way(np.tile(GIVEN[0], (C, 1)))
        with pytest.raises(
            ShapeError, match=r"\[3, 3\]; got shape \[3\]. It may be one .* numpy.eye\(3\)\[classes\]"
        ):
            way([0, 1, 2])


def test_a_likelihood_takes_a_condition_for_each_latent(vae):
    for wrong in (np.eye(C), np.zeros((2, 5, C))):
        with pytest.raises(ShapeError, match=r"condition: expected an array \[5, 3\]; got shape \["):
            vae.likelihood(tf.zeros((5, D)), wrong)


def test_a_model_without_conditions_takes_none():
    plain = conditional(encoder=False, decoder=False)
    assert plain.condition_dim == 0
    for method in METHODS.values():
        with pytest.raises(
            UserError, match=r"condition: expected none, as no part .* takes one; got shape \[5, 3\]"
        ):
            method(plain, GIVEN)


@pytest.mark.parametrize("which", ["encoder", "decoder", "prior"])
def test_each_part_may_take_it_alone(which):
    parts = {"encoder": False, "decoder": False, "prior": False, which: True}
    one = conditional(**parts)
    assert one.condition_dim == C
    takes = {name: getattr(one, name).condition_dim for name in parts}
    assert takes == {name: C * (name == which) for name in parts}
    other = np.roll(GIVEN, 1, axis=1)
    q, p = (np.array([one.posterior(images(), c).mean() for c in (GIVEN, other)]),
            np.array([one.sample_latents(5, [0, 1], c) for c in (GIVEN, other)]))  # fmt: skip
    x = np.array([one.likelihood(tf.ones((5, D)), c).mean() for c in (GIVEN, other)])
    assert [bool(np.ptp(found, axis=0).any()) for found in (q, x, p)] == [
        which == name for name in ("encoder", "decoder", "prior")
    ]


def test_a_condition_broadcasts_over_leading_axes_of_z(vae):
    z = np.random.default_rng(1).normal(size=(2, 5, D)).astype(np.float32)
    together = vae.likelihood(z, GIVEN).mean()  # [2, 5, *E]
    each = [vae.likelihood(z[:, row], GIVEN[row]).mean() for row in range(5)]
    np.testing.assert_allclose(together, np.stack(each, axis=1), rtol=1e-5, atol=1e-6)


def test_a_row_depends_on_its_own_condition_only(vae):
    other = GIVEN.copy()
    other[3] = [1, 0, 0]
    one, changed = (vae.log_weights(images(), 2, 0, c).numpy() for c in (GIVEN, other))  # [2, 5], the same noise
    np.testing.assert_array_equal((one != changed).any(axis=0), [False, False, False, True, False])


def test_inputs_and_conditions_join_as_channels_or_in_a_vector():
    x = np.arange(2 * 2 * 3 * 1, dtype=np.float32).reshape(2, 2, 3, 1)
    condition = np.float32([[10, 20], [30, 40]])
    found = _joined(x, condition, (2, 3, 1), flat=False).numpy()
    assert found.shape == (2, 2, 3, 3)
    np.testing.assert_array_equal(found[..., 0], x[..., 0])
    np.testing.assert_array_equal(found[1, :, :, 1:], np.tile(condition[1], (2, 3, 1)))
    np.testing.assert_array_equal(
        _joined(x, condition, (2, 3, 1), flat=True), np.concatenate([x.reshape(2, 6), condition], axis=1)
    )


def test_dense_networks_have_one_weight_for_each_number_of_the_condition():
    encoder = c.NetworkEncoder(c.Dense((5,)), c.DiagonalNormal(D), E, C)
    assert encoder.network.hidden[0].kernel.shape == (16 + C, 5)


class ByClass(Prior):
    """A normal around a learned mean for each class."""

    def __init__(self, latent_dim: int, condition_dim: int) -> None:
        super().__init__()
        self.means = tf.Variable(tf.random.stateless_normal((condition_dim, latent_dim), (0, 1)))

    def distribution(self, condition):
        return tfd.MultivariateNormalDiag(condition @ self.means, tf.ones_like(condition @ self.means))


def test_a_part_takes_the_condition_by_asking_for_its_size():
    prior = ByClass(D, condition_dim=C)
    assert prior.condition_dim == C
    encoder, decoder = conditional().encoder, conditional().decoder
    made = VAE(encoder, decoder, prior)
    z = made.sample_latents(4, [0, 0], GIVEN[0])
    np.testing.assert_allclose(
        made.prior_given(GIVEN[:4]).mean(), np.asarray(prior.means)[[0, 1, 2, 1]], rtol=1e-6
    )
    assert z.shape == (4, D)
    assert copy.deepcopy(made).condition_dim == C
    lines: list[str] = []
    made.summary(lines.append)
    assert any("p(z|c): [B], [2]" in line for line in lines)


def test_parts_agree_on_the_size():
    four = c.Conditional(4, c.Dense((2,)), c.DiagonalNormal(D))
    with pytest.raises(ShapeError, match=r"parts of one condition_dim; got 3 from NetworkEncoder, .* 4 from Cond"):
        VAE(conditional().encoder, conditional().decoder, four)


def test_a_part_that_should_take_a_condition_needs_one():
    with pytest.raises(ConfigError, match="network encoder: expected data with a condition, as condition = true"):
        c.NetworkEncoder(c.Dense(), c.DiagonalNormal(D), E, condition=True)
    with pytest.raises(ConfigError, match="vamp prior: expected an encoder without a condition"):
        c.Vamp(conditional().encoder, E, initial="noise")


def test_fit_takes_the_condition_in_the_place_of_y(vae):
    vae.compile(objective=IWAE(2))
    assert np.isfinite(vae.fit(images(), GIVEN, verbose=0).history["loss"]).all()
    assert np.isfinite(
        vae.evaluate(tf.data.Dataset.from_tensors((images(), GIVEN)), verbose=0, return_dict=True)["loss"]
    )
    with pytest.raises(UserError, match="condition: expected an array"):
        vae.fit(images(), verbose=0)
    with pytest.raises(UserError, match=r"predict: .*Use reconstruct\(x, condition=...\)"):
        vae.predict(images())
    with pytest.raises(UserError, match=r"export: expected a model without a condition.*use probvae export"):
        vae.export("unused")


def small(classifier=False, **options):
    """A model of x given one of C classes, compiled."""
    parts = (
        c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(D), (4,), C),
        c.NetworkDecoder(c.Dense((4,)), c.Normal((4,)), D, C),
        c.StandardNormal(D),
    )
    made = VAE(*parts, c.NetworkClassifier(c.Dense((4,)), (4,), C) if classifier else None)
    made.compile(objective=SemiSupervised(ELBO()) if classifier else ELBO(), **options)
    return made


CLASSES_OF_SIX = np.array([0, 1, 2, 2, 1, 0])
ROWS = np.eye(C, dtype=np.float32)[CLASSES_OF_SIX]
WRONG_CONDITIONS = {
    "NaN": (False, ROWS * np.nan, "expected finite numbers; got NaN"),
    "classes": (
        False,
        CLASSES_OF_SIX,
        r"expected an array \[[36], 3\]; got shape \[.*numpy.eye\(3\)\[classes\]",
    ),
    "other classes": (False, np.eye(4)[CLASSES_OF_SIX], r"expected an array \[[36], 3\]; got shape \[.*, 4\]"),
    "classes for a classifier": (True, CLASSES_OF_SIX, r"expected an array .*numpy.eye\(3\)\[classes\]"),
    "two classes for a classifier": (
        True,
        np.maximum(ROWS, [1, 0, 0]),
        "expected the one-hot vectors of classes.*got o",
    ),
    "shares for a classifier": (True, 0.5 * ROWS, "expected the one-hot vectors of classes.*got others"),
}


@pytest.mark.parametrize("case", WRONG_CONDITIONS)
def test_fit_refuses_wrong_conditions_and_changes_no_weight(case):
    classifier, y, message = WRONG_CONDITIONS[case]
    made, x = small(classifier, run_eagerly=True), np.zeros((6, 4), np.float32)
    before = made.get_weights()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(3, drop_remainder=True)
    for given in ((x, y), (dataset,)):
        with pytest.raises(UserError, match=f"condition: {message}"):
            made.fit(*given, shuffle=False, verbose=0)
    for now, then in zip(made.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("case", ["NaN", "two classes for a classifier"])
def test_conditions_are_checked_when_a_graph_runs(case):
    classifier, y, message = WRONG_CONDITIONS[case]
    checked = tf.function(lambda y: as_conditions(y, C, None, labels=classifier))
    partly = ROWS * (np.arange(6)[:, None] < 4 if classifier else 1.0)
    np.testing.assert_array_equal(checked(partly), partly)
    with pytest.raises(UserError, match=f"condition: {message}.*in a batch of"), plain_assertions((4,)):
        checked(y)


def test_fit_can_be_called_again_after_it_refused():
    made, x = small(), np.zeros((6, 4), np.float32)
    with pytest.raises(ShapeError, match=r"condition: .*got shape \[None, 4\]"):
        made.fit(
            tf.data.Dataset.from_tensors((x, np.eye(4)[CLASSES_OF_SIX])).unbatch().batch(6),
            shuffle=False,
            verbose=0,
        )
    assert np.isfinite(made.fit(x, ROWS, verbose=0).history["loss"]).all()


# Elements that are not observed


class Linear(Decoder):
    """p(x|z) = N(W z, s²), or the same with correlations."""

    def __init__(self, independent: bool = True) -> None:
        super().__init__()
        self.independent = independent
        self.matrix = tf.Variable([[1.0, -0.5], [0.3, 0.8], [-0.7, 0.4]])

    def likelihood(self, z):
        loc = tf.linalg.matvec(self.matrix, z)
        if self.independent:
            return tfd.Independent(tfd.Normal(loc, 0.6), reinterpreted_batch_ndims=1)
        return tfd.MultivariateNormalDiag(loc, tf.fill(tf.shape(loc), 0.6))


def log_normal(away, covariance):
    """The log-density of N(0, covariance) at a point, in nats."""
    distance = away @ np.linalg.solve(covariance, away)
    return -0.5 * (distance + np.linalg.slogdet(covariance)[1] + len(away) * np.log(2 * np.pi))


def linear(independent=True):
    return VAE(
        c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(D), (3,)), Linear(independent), c.StandardNormal(D)
    )


def test_elements_that_are_missing_are_integrated_over():
    """Against the marginal of the observed elements."""
    made, rng = linear(), np.random.default_rng(3)
    x = rng.normal(size=(4, 3)).astype(np.float32) / 2
    observed = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]], bool)
    x[~observed] = np.nan
    last = made.encoder.network.last
    last.kernel.assign(np.zeros((4, 4)))  # q is the prior
    last.bias.assign([0.0, 0.0, 0.541, 0.541])
    W = np.asarray(made.decoder.matrix, np.float64)
    covariance = W @ W.T + 0.36 * np.eye(3)
    exact = [
        log_normal(row[seen], covariance[np.ix_(seen, seen)])
        if seen.any() else 0.0
        for row, seen in zip(x, observed, strict=True)
    ]  # fmt: skip
    batch = Split(x, observed=observed).batch(slice(None), tf.constant([0, 0]))
    np.testing.assert_array_equal(batch.x, np.where(observed, x, 0))
    losses = IWAE(20_000)(made, batch, 0, tf.constant(0))
    np.testing.assert_allclose(-losses.per_example, exact, atol=0.06)
    elbo = ELBO(samples=400)(made, batch, 0, tf.constant(0)).per_example
    assert np.all(elbo.numpy() > -np.array(exact) - 0.1)


WRONG_MASKS = {
    "rows": (
        np.array([True, False, True]),
        ShapeError,
        r"expected one bool for each element of x, \[3, 3\]; got shape \[3\].*broadcast_to",
    ),
    "another shape": (
        np.ones((2, 3), bool),
        ShapeError,
        r"expected one bool for each element of x, \[3, 3\]; got shape \[2, 3\]",
    ),
    "numbers": (np.ones((3, 3), int), UserError, "expected bools, True where .*; got int64. Convert them"),
    "lists of several lengths": ([[True], [True, False]], UserError, "expected bools, .*; got a list"),
}


@pytest.mark.parametrize("wrong", WRONG_MASKS)
def test_a_mask_says_of_each_element_whether_it_is_known(wrong):
    mask, kind, message = WRONG_MASKS[wrong]
    made, x, z = linear(), np.eye(3), np.zeros((3, D))
    made.log_joint(x, z, observed=np.ones((3, 3), bool).tolist())
    for method in (
        made.log_likelihood,
        made.log_joint,
        lambda x, z, observed: made.log_weights(x, 2, 0, None, observed),
    ):
        with pytest.raises(kind, match=f"observed: {message}"):
            method(x, z, observed=mask)
        for other in (x[:, :2], None):
            with pytest.raises(UserError, match="x: expected"):
                method(other, z, observed=np.ones((3, 3), bool))


@pytest.mark.parametrize("z", [np.zeros((2, D)), np.zeros(D), np.zeros((3, 5)), np.zeros((3, 2, D)), None, "z"])
def test_there_is_a_latent_for_each_example(z):
    made = linear()
    for method in (made.log_likelihood, made.log_joint):
        with pytest.raises(UserError, match=r"z: expected (latents \[..., 3, 2\]|numbers)"):
            method(np.eye(3), z)
    with pytest.raises(UserError, match=r"z: expected (latents|numbers)"):
        made.likelihood(np.zeros((3, 5)) if np.shape(z) else z)


def test_a_likelihood_with_correlations_refuses_missing_elements():
    batch = Split(np.zeros((2, 3), np.float32), observed=np.eye(2, 3, dtype=bool)).batch(slice(None), None)
    with pytest.raises(UserError, match="observed: expected a likelihood that is a product over the elements"):
        ELBO()(linear(independent=False), batch, 0, tf.constant(0))


# Data with conditions


def info(condition, **how):
    return DataInfo((2,), REAL, (3, 3, 3), "made up", "here", condition=condition, **how)


def test_what_is_said_of_each_example_has_one_row_for_each():
    x = np.zeros((3, 2))
    for wrong, message in [
        ({"labels": np.zeros(2, int)}, r"labels: expected integers \[3\], as there are 3 .*; got int64 \[2\]"),
        ({"condition": np.zeros((3, 2), int)}, r"condition: expected float32 \[3, C\].*got int64 \[3, 2\]"),
        ({"condition": np.zeros(3, np.float32)}, r"condition: expected float32 \[3, C\].*got float32 \[3\]"),
        ({"observed": np.ones((3, 2))}, r"observed: expected bool \[3, 2\].*got float64 \[3, 2\]"),
    ]:
        with pytest.raises(ShapeError, match=message):
            Split(x, **wrong)
    with pytest.raises(DataError, match="condition: expected finite numbers; got NaN or infinity in example 1"):
        Split(x, condition=np.float32([[0], [np.inf], [0]]))


def test_data_and_its_description_agree_on_the_condition():
    with_two, bare = (Split(np.zeros((3, 2)), condition=c) for c in (np.zeros((3, 2), np.float32), None))
    Data(info(Condition(("a", "b"))), with_two, with_two, with_two)
    with pytest.raises(ShapeError, match=r"test: expected conditions as .* says, 2 columns \(a, b\); got none"):
        Data(info(Condition(("a", "b"))), with_two, with_two, bare)
    with pytest.raises(ShapeError, match=r"train: expected conditions as .* says, none; got 2 columns"):
        Data(info(None), with_two, with_two, with_two)


def test_a_batch_of_a_split_has_what_the_split_knows():
    split = Split(np.arange(6).reshape(3, 2), np.uint8([1, 0, 2]), condition=GIVEN[:3])
    batch = split.batch(np.array([2, 0]), None)
    assert isinstance(batch, Batch)
    np.testing.assert_array_equal(batch.x, [[4, 5], [0, 1]])
    np.testing.assert_array_equal(batch.labels, [2, 1])
    np.testing.assert_array_equal(batch.condition, GIVEN[[2, 0]])
    assert (batch.observed, batch.rows, batch.weights) == (None, None, None)

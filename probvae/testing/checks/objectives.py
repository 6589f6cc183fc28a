"""Objectives: losses, bounds and gradients are as declared, on a model whose evidence is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import tensorflow as tf

from probvae.core import FINAL_STEP, Batch, Losses, Objective, Seed, Tensor, fold_in
from probvae.errors import ConfigError
from probvae.testing.case import Case
from probvae.testing.checking import ALPHA, Inconclusive, NotApplicable, Violation, check
from probvae.testing.dependence import dependence
from probvae.testing.effects import all_have_an_effect, random_tables
from probvae.testing.floats import Floats
from probvae.testing.linear_gaussian import LinearGaussian, model_for, small_model
from probvae.testing.strategies import some_values
from probvae.testing.subject import Refused, Subject
from probvae.testing.views import built, f64, stateless

LAST = tf.constant(FINAL_STEP, tf.int32)
SIGMAS = 7.5
"""How many standard errors of a mean of 400 draws chance may explain: an error rate below 1e-9 in a comparison,
also where the draws are as skewed as log weights are."""
NEARLY = (0.1, 0.3, 1.0)
"""How far q is from the exact posterior where a bound is tried nearly there, in nats."""
OFF = (0.3, 1.0, 3.0)
"""How far it is where means are compared."""
STEPS = (0, 1, 2, 3, 10, 25, 50, 100)
NAMED = ("negative_log_likelihood", "kl", "negative_elbo")
"""Names of terms that mean the same in every objective."""


@check("objective", fast=12, deep=100)
def losses_are_per_example(subject: Subject, case: Case) -> None:
    """The loss is [B] in float32 and finite, from the first step, with the terms that the class declares.

    Only the trainer averages. A mean taken earlier makes the loss depend on the batch size, and a sum over a
    batch that was meant for an event makes it wrong by a factor. A schedule may divide by the step, which begins
    at 0.
    """
    objective = built(subject, case)
    model = model_for(objective, case)
    batch = model.batch(model.examples(case.batch[0]))
    for step in (0, 1, FINAL_STEP):
        losses = objective(model.vae, batch, stateless(case), tf.constant(step, tf.int32))
        _are_losses(losses, objective, len(batch.x), step)
    said = objective.describe(model.vae)
    if not all(isinstance(word, str) for pair in said.items() for word in pair):
        raise Violation(f"describe() must answer with strings; got {said!r}.")


def _are_losses(losses: object, objective: Objective, count: int, step: int) -> None:
    if not isinstance(losses, Losses):
        raise Violation(f"expected probvae.Losses(per_example, terms); got {type(losses).__name__}.")
    if set(losses.terms) != set(objective.terms):
        raise Violation(f"it declares the terms {sorted(objective.terms)} and returns {sorted(losses.terms)}.")
    for name, value in {"per_example": losses.per_example, **losses.terms}.items():
        if tuple(value.shape) != (count,) or value.dtype != tf.float32:
            raise Violation(f"{name}: expected float32 [{count}]; got {value.dtype.name} {value.shape.as_list()}.")
        if not np.all(np.isfinite(value)):
            raise Violation(f"{name} is not finite at step {step}: {f64(value)}.")


@check("objective", fast=10, deep=80)
def losses_of_rows_do_not_mix(subject: Subject, case: Case) -> None:
    """The loss of one example does not depend on the other examples of its batch.

    A mean over the batch that is spread back over it has the right shape and the right mean, and makes every
    per-example number, standard error and worst example wrong. An objective that declares `couples_rows` may
    depend on the examples that have a weight, and not on those that only fill up the last batch of an epoch.
    """
    objective = built(subject, case)
    model = model_for(objective, case)
    x = model.examples(4)
    others = tf.concat([-3.0 * x[:2], x[2:3], x[3:] + 2.0], axis=0)
    weights = tf.constant([0.0, 0.0, 1.0, 0.0])
    one, other = (
        objective(model.vae, model.batch(rows)._replace(weights=weights), stateless(case), LAST)
        for rows in (x, others)
    )
    for name in ("per_example", *objective.terms):
        a, b = (
            f64(found.per_example if name == "per_example" else found.terms[name])[2] for found in (one, other)
        )
        if not np.isclose(a, b, rtol=1e-3, atol=1e-3):
            which = "examples of weight 0" if objective.couples_rows else "other examples"
            raise Violation(f"{name} of an example is {a:.6g}, and {b:.6g} when only the {which} change.")


@check("objective", fast=6, deep=60, statistical=True)
def losses_are_functions_of_the_seed(subject: Subject, case: Case) -> None:
    """The loss is a function of its arguments: the same seed gives the same loss, another seed another one.

    All noise must come from the seed that the trainer hands over, which it makes from run and step. A term whose
    noise has a seed of its own has the same in every step.
    """
    objective = built(subject, case)
    model = model_for(objective, case)
    batch = model.batch(model.examples(8))

    def loss(seed: Seed) -> Floats:
        return f64(objective(model.vae, batch, seed, LAST).per_example)

    tf.random.set_seed(1)
    first = loss(stateless(case))
    tf.random.set_seed(2)
    if not np.array_equal(first, loss(stateless(case))):
        raise Violation("the same arguments gave two losses: something random is not a function of the seed.")
    if all(np.array_equal(first, loss(stateless(case, salt))) for salt in (1, 2, 3)):
        raise Violation("different seeds gave the same loss to the last bit: the seed is ignored.")
    single = model.batch(batch.x[:1])
    one, other = (_drawn(objective, model, single, case, 2000, salt=salt) for salt in (7, 8))
    for name, values in one.items():
        if values.std() < 1e-5 * (1 + np.abs(values).max()):
            continue  # it is a constant, and what differs is rounding
        if (excess := dependence(values, other[name], ALPHA / 1000).excess) > 1:
            raise Violation(
                f"{name} of two seeds is correlated, row by row: {excess:.3g} times what chance explains. A "
                "part of its noise does not follow the seed."
            )


@check("objective", fast=12, deep=80, mandatory=False, statistical=True)
def bounds_the_evidence(subject: Subject, case: Case) -> None:
    """What claims to be a bound is one: its expectation is at least -log p(x), and equal where q is exact.

    Compared with the closed form of a linear Gaussian model, for posteriors from the exact one to a random one. A
    sign that is flipped, a KL subtracted or a log S left out are each of them below -log p(x), or not equal to it
    where the posterior is exact, which is where every one of these bounds is tight. Log weights that are averaged
    with the normalised weights are below it where the posterior is nearly exact.
    """
    objective = built(subject, case)
    if objective.bound is None:
        raise Inconclusive("it claims to be no bound")
    model = model_for(objective, case)
    batch = model.batch(model.examples(2))

    def gaps(draws: int = 400) -> Floats:
        gap = _losses(objective, model, batch, case, draws) + model.log_evidence(batch)
        return gap.mean(1, keepdims=True) if objective.couples_rows else gap  # then it bounds the mean only

    _holds_on_average(gaps(), "at least")
    for nats in NEARLY:
        model.be_off_by(nats, batch.x)
        _holds_on_average(gaps(1000), "at least")
    model.be_exact()
    gap = gaps()
    _holds_on_average(gap, "at least")
    if objective.bound == "tight":
        _holds_on_average(-gap, "at most")


def _losses(objective: Objective, model: LinearGaussian, batch: Batch, case: Case, draws: int) -> Floats:
    """The loss of a batch with many seeds: [draws, B], of which the noise of no two is the same."""
    return _drawn(objective, model, batch, case, draws)["loss"]


def _drawn(
    objective: Objective,
    model: LinearGaussian,
    batch: Batch,
    case: Case,
    draws: int,
    step: int = FINAL_STEP,
    salt: int = 7,
) -> dict[str, Floats]:
    """As `_losses`, of the loss and of every term."""
    losses = objective(model.vae, _repeated(batch, draws), stateless(case, salt), tf.constant(step, tf.int32))
    found = {"loss": losses.per_example, **losses.terms}
    return {name: f64(values).reshape(len(batch.x), draws).T for name, values in found.items()}


def _repeated(batch: Batch, times: int) -> Batch:
    """A batch [B * times, ...], in which the copies of an example follow one another."""
    return Batch(*(None if values is None else tf.repeat(values, times, axis=0) for values in batch))


def _holds_on_average(gap: Floats, word: str) -> None:
    """Whether the mean of each column is not below zero, by more than chance and single precision explain."""
    mean, error = gap.mean(0), gap.std(0, ddof=1) / np.sqrt(len(gap))
    limit = SIGMAS * error + 2e-3 * (1 + np.abs(gap).max(0) * 0.01)
    worst = int(np.argmin(mean + limit))
    if not mean[worst] >= -limit[worst]:
        if not np.ptp(gap[:, worst]):
            raise Violation(
                f"{len(gap)} copies of one example got the same loss: the rows of a batch share their noise."
            )
        sign = mean[worst] if word == "at least" else -mean[worst]
        raise Violation(
            f"its mean minus -log p(x) is {sign:.4f} ± {error[worst]:.4f} nats; expected {word} 0"
            + (" where q is the exact posterior." if word == "at most" else ".")
        )


@check("objective", fast=8, deep=60, mandatory=False, statistical=True)
def means_are_as_declared(subject: Subject, case: Case) -> None:
    """The loss and its terms are on average what the class declares in `expected`, and what their names say.

    A valid loss is not always the one that was meant: importance samples that are all the same give the evidence
    lower bound, and a warm-up of another course trains as well. Terms named kl, negative_log_likelihood and
    negative_elbo are these unless the class declares them to be something else.
    """
    objective = built(subject, case)
    model = model_for(objective, case)
    batch, rng = model.batch(model.examples(2)), np.random.default_rng([case.seed, 9])
    model.be_off_by(float(rng.choice(OFF)), batch.x)
    exact = model.exact(batch)
    named = {name: getattr(exact, name) for name in NAMED if name in objective.terms}
    compared = False
    for step in (FINAL_STEP, *rng.choice(STEPS, size=2, replace=False)):
        expected = named | dict(objective.expected(exact, int(step)))
        if unknown := set(expected) - {"loss", *objective.terms}:
            raise Violation(
                f"expected() declares {sorted(unknown)}; known are 'loss' and {list(objective.terms)}."
            )
        if not expected:
            continue
        compared = True
        found = _drawn(objective, model, batch, case, 800, int(step))
        for name, right in expected.items():
            values = np.broadcast_to(np.asarray(right, np.float64), (len(batch.x),))
            _is_on_average(name, found[name], values, int(step))
    if not compared:
        raise NotApplicable("it declares nothing in expected(), and none of its terms has a known name")


def _is_on_average(name: str, values: Floats, expected: Floats, step: int) -> None:
    mean, error = values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))
    away = np.abs(mean - expected) - SIGMAS * error - 2e-3 * (1 + 0.01 * np.abs(values).max(0))
    worst = int(np.argmax(away))
    if not away[worst] <= 0:
        at = "once schedules have ended" if step == FINAL_STEP else f"at step {step}"
        raise Violation(
            f"{name} averages {mean[worst]:.4f} ± {error[worst]:.4f} {at}; expected {expected[worst]:.4f}."
        )


@check("objective", fast=1, deep=10, mandatory=False, statistical=True)
def equals_what_it_names_in_its_limits(subject: Subject, case: Case) -> None:
    """In its limits the loss is that of the objective that it names, and as declared where q(z|x) is the prior.

    There the KL, the mutual information of x and z and any distance of the aggregate posterior from the prior are
    0. An estimate of a distance that is biased shows in small batches, of which many are averaged.
    """
    objective: Objective = built(subject, case)
    limits = type(objective).limits()
    if not limits and not objective.couples_rows:
        raise NotApplicable("it declares no limits, and does not compare rows")
    model = model_for(objective, replace(case, latent_dim=max(2, case.latent_dim)))  # of one, no total correlation
    batch = model.batch(model.examples(4))
    model.be_off_by(1.0, batch.x)
    for limit, other in limits:
        one, same = (f64(each(model.vae, batch, stateless(case), LAST).per_example) for each in (limit, other))
        if not np.allclose(one, same, rtol=1e-3, atol=1e-3):
            raise Violation(
                f"in the limit that is {type(other).__name__} the loss is {one}; expected {same}, as that one has "
                "with the same seed."
            )
    model.be_prior()
    expected = objective.expected(model.exact(batch), FINAL_STEP) if objective.couples_rows else {}
    found = _means_of_many(objective, model, batch, case) if expected else {}
    for name, right in expected.items():
        mean = np.full(1, np.mean(right))
        _is_on_average(f"where q(z|x) is the prior, {name}", found[name], mean, FINAL_STEP)


def _means_of_many(
    objective: Objective, model: LinearGaussian, batch: Batch, case: Case, count: int = 300
) -> dict[str, Floats]:
    """The means over a batch of the loss and each term, with many seeds: [count, 1]."""
    means = tf.function(lambda seed: objective(model.vae, batch, seed, LAST).means(), autograph=False)
    found = [means(fold_in(stateless(case, 13), number)) for number in range(count)]
    return {name: np.array([[float(each[name])] for each in found]) for name in found[0]}


@check("objective", fast=1, deep=6, mandatory=False)
def parameters_have_an_effect(subject: Subject, case: Case) -> None:
    """Each parameter changes the loss, a term or a gradient, at some step and for some values of the others.

    A weight that is taken and never used leaves the β-VAE a plain one. Draws are compared as distributions: more
    importance samples that are all the same change the noise, and nothing else.
    """
    classes = case.classes if getattr(subject.factory, "classifier", False) else None
    case = replace(case, latent_dim=max(2, case.latent_dim))  # one latent has no correlation with others
    model = small_model(case, getattr(subject.factory, "posterior", "any"), classes)
    batch = model.batch(model.examples(2))
    model.be_off_by(1.0, batch.x)
    values = {parameter.name: some_values(parameter) for parameter in subject.signature.plain.values()}
    if "train_size" in subject.signature.context:
        values["train_size"] = [20, 2000]
    others = random_tables(values, 12, np.random.default_rng([case.seed, 11]))
    settings = [(case, dict(table)) for table in (case.configuration, *subject.promises.cases, *others)]

    def build(case: Case) -> Objective | None:
        try:
            objective: Objective = built(subject, case)
            objective.check(model.vae)
            return objective
        except (Refused, ConfigError):
            return None

    def differ(objectives: list[Objective]) -> bool:
        return _differ(objectives, model, batch, case)

    all_have_an_effect(values, settings, build, differ, "loss, terms or gradient")


def _differ(objectives: list[Objective], model: LinearGaussian, batch: Batch, case: Case) -> bool:
    """Whether one objective is not the first: its loss, a term, or where these are equal, its gradient.

    Steps within the longest warm-up are among those that are tried: a schedule of cycles is at a quarter of it in
    the second of two, and in none of one.
    """
    equal, warm_up = True, max(objective.warmup_steps for objective in objectives)
    within = [int(share * warm_up) for share in (0.25, 0.5, 0.75)]
    for step in dict.fromkeys((FINAL_STEP, 0, 1, 25, *within)):
        first, *others = (_drawn(objective, model, batch, case, 1000, step) for objective in objectives)
        for other in others:
            if any(_unlike(first[name], other[name]) for name in first):
                return True
            equal &= all(np.allclose(first[name], other[name], 1e-4, 1e-4) for name in first)
    return equal and _gradients_differ(objectives, model, batch, case)


def _unlike(one: Floats, other: Floats) -> bool:
    """Whether draws [draws, B] are of different distributions, or of the same noise and yet different."""
    apart, least = np.abs(one.mean(0) - other.mean(0)), 1e-5 * (1 + np.abs(one.mean(0)))
    a, b = one.std(0), other.std(0)
    in_mean = apart > 8 * np.hypot(a, b) / np.sqrt(len(one)) + least
    in_spread = np.abs(a - b) > 0.2 * (a + b) + least
    same_noise = (one - other).std(0) < 0.05 * (a + b)
    return bool(np.any(in_mean | in_spread | (same_noise & (apart > least))))


def _gradients_differ(objectives: list[Objective], model: LinearGaussian, batch: Batch, case: Case) -> bool:
    variables = [variable.value for variable in model.vae.trainable_variables]

    def gradient(objective: Objective) -> Floats:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(objective(model.vae, batch, stateless(case), LAST).per_example)
        found = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return np.concatenate([f64(tf.convert_to_tensor(part)).ravel() for part in found])

    first, *others = map(gradient, objectives)
    return any(not np.allclose(first, other, rtol=1e-4, atol=1e-6) for other in others)


@check("objective", fast=6, deep=40, statistical=True)
def gradients_descend_the_loss(subject: Subject, case: Case) -> None:
    """The gradient is that of the expected loss: along a random direction it agrees with finite differences.

    A stop_gradient in the wrong place, or a sample whose path is cut, leaves the value right and the direction
    wrong. Estimators that are unbiased in another way than through the samples pass too: means are compared. Parts
    in `targets` are left to the next check.
    """
    objective = built(subject, case)
    model = model_for(objective, case)
    parts = [part for name, part in model.vae.parts.items() if name not in objective.targets()]
    variables = [variable.value for part in parts for variable in part.trainable_variables]
    rng = np.random.default_rng([case.seed, 8])
    direction = [tf.constant(rng.normal(size=v.shape), tf.float32) for v in variables]
    slopes, differences = [], []
    mean = _mean_loss(objective, model)
    for batch in range(12):
        seed = fold_in(stateless(case, 9), batch)
        with tf.GradientTape() as tape:
            loss = mean(seed)
        gradients = tape.gradient(loss, variables)
        if all(g is None for g in gradients):
            raise Violation("the loss carries no gradient to any variable of the model.")
        slopes.append(
            sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, direction, strict=True) if g is not None)
        )
        step, ends = 1e-2, []
        for sign in (1.0, -1.0):
            _along(variables, direction, sign * step)
            ends.append(float(mean(seed)))
            _along(variables, direction, -sign * step)
        differences.append((ends[0] - ends[1]) / (2 * step))
    gap = np.array(slopes) - np.array(differences)
    scale = np.abs(differences).mean() + 1.0
    limit = 14.0 * gap.std(ddof=1) / np.sqrt(len(gap)) + 1e-2 * scale
    if not abs(gap.mean()) <= limit:
        raise Violation(
            f"along a random direction the gradient is {np.mean(slopes):.4f} and the loss changes by "
            f"{np.mean(differences):.4f} per unit (finite differences, same noise; chance explains {limit:.4f})."
        )


def _mean_loss(objective: Objective, model: LinearGaussian, draws: int = 200) -> Callable[[Tensor], Tensor]:
    """The mean loss of two examples, each with many draws, as a function of the seed: a graph, for many calls."""
    repeated = _repeated(model.batch(model.examples(2)), draws)

    def of_seed(seed: Tensor) -> Tensor:
        return tf.reduce_mean(objective(model.vae, repeated, seed, LAST).per_example)

    return tf.function(partial(of_seed), autograph=False)


def _along(variables: list[tf.Variable], direction: list[Tensor], step: float) -> None:
    for variable, part in zip(variables, direction, strict=True):
        variable.assign_add(step * part)


@check("objective", fast=1, deep=20, mandatory=False, statistical=True)
def gradients_are_those_of_their_targets(subject: Subject, case: Case) -> None:
    """Gradients that are declared in `targets` have the mean of the target's, and less variance if claimed.

    A gradient estimator of its own is biased if a factor is missing or another path is stopped than was meant, and
    the loss still falls. The claim of less variance is tested where q is nearly the exact posterior.
    """
    objective = built(subject, case)
    if not objective.targets():
        raise NotApplicable("it declares no targets")
    model = model_for(objective, case)
    x = model.examples(2)
    for part, target in objective.targets().items():
        here, there = (_gradients(found, model, part, case) for found in (objective, target))
        model.be_off_by(1.0, x)
        one, other = here(), there()  # [24, elements]
        error = np.hypot(one.std(0, ddof=1), other.std(0, ddof=1)) / np.sqrt(len(one))
        away = np.abs(one.mean(0) - other.mean(0)) - 14.0 * error - 1e-2 * (1 + np.abs(other).mean())
        if not away[worst := int(np.argmax(away))] <= 0:
            raise Violation(
                f"an element of the {part}'s gradient averages {one.mean(0)[worst]:.4f} ± {error[worst]:.4f}, "
                f"and that of {type(target).__name__} {other.mean(0)[worst]:.4f}."
            )
        if objective.less_variance:
            model.be_off_by(1e-2, x)
            less, more = here().var(0).sum(), there().var(0).sum()
            if not less < 0.7 * more:
                raise Violation(
                    f"near the exact posterior the {part}'s gradient has the variance {less:.4g}, and that of "
                    f"{type(target).__name__} {more:.4g}; expected less, as the class declares less_variance."
                )


def _gradients(objective: Objective, model: LinearGaussian, part: str, case: Case) -> Callable[[], Floats]:
    """The gradients of the mean loss to the variables of a part, as they are, with 24 seeds: [24, elements]."""
    mean = _mean_loss(objective, model, draws=100)
    variables = [variable.value for variable in model.vae.parts[part].trainable_variables]

    def gradient(seed: Tensor) -> Floats:
        with tf.GradientTape() as tape:
            loss = mean(seed)
        found = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return np.concatenate([f64(each).ravel() for each in found])

    return lambda: np.stack([gradient(fold_in(stateless(case, 12), number)) for number in range(24)])

"""What is left out: an example of a p(z) that is made of examples, and elements that are not observed."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import FINAL_STEP, VAE, Array, Distribution, Tensor
from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.floats import Floats
from probvae.testing.linear_gaussian import LearnedNormal, model_for
from probvae.testing.subject import Subject, examples
from probvae.testing.views import View, built, f64, stateless, view_of

POINTS = 6
DRAWS = 20_000
SIGMAS = 7.5
TRIED = 3
"""How many rows are tried of those that change the density, and of the others."""


@check("prior", fast=4, deep=40, rows=True, statistical=True)
def training_examples_are_left_out(subject: Subject, case: Case) -> None:
    """Given the row of a training example, p(z) does not depend on that example, and it is a distribution.

    The mean over K - 1 exemplars divided by K is no density. The place of an exemplar among the exemplars is not
    its row in the training data: the wrong one is left out, the loss falls, and each exemplar learns a mode of its
    own that says nothing of other data. Rows of -1 are no training examples: they leave nothing out.
    """
    view = view_of(subject, case)
    whole = view.distribution()
    points = view.points(whole, POINTS)  # [POINTS, D]
    given = f64(whole.log_prob(points))  # [POINTS]
    numbers = np.arange(len(examples(case)))
    left = _log_prob(view, numbers, points)  # [POINTS, N]
    none = _log_prob(view, np.array([-1, -1, 10**6]), points)
    if not _same(none, given[:, None]):
        raise Violation("rows that are not training examples, -1 and 1,000,000, change the density.")
    changed = np.array([not _same(column, given) for column in left.T])
    rng = np.random.default_rng([case.seed, 14])
    rows = np.concatenate([rng.permutation(numbers[some])[:TRIED] for some in (changed, ~changed)])
    for row in rows:
        others = examples(case)
        others[row] = 3.0 - others[row]  # far from what it was
        prior = built(subject, case, others)
        again = f64(prior.distribution(rows=tf.constant([row], tf.int64)).log_prob(points[:, None]))[:, 0]
        if not _same(again, left[:, row]):
            raise Violation(f"given the row of training example {row}, p(z) depends on that example.")
    _are_distributions(view, whole, rows)


def _given(view: View, rows: Array) -> Distribution:
    p = view.component.distribution(rows=tf.constant(rows, tf.int64))
    if tuple(p.batch_shape) != (len(rows),) or tuple(p.event_shape) != view.event:
        raise Violation(
            f"{len(rows)} rows gave batch {p.batch_shape.as_list()} and event {p.event_shape.as_list()}; expected "
            f"[{len(rows)}] and {list(view.event)}."
        )
    return p


def _log_prob(view: View, rows: Array, points: Tensor) -> Floats:
    """The log-densities of points [N, D] given each of the rows [B], together and alone: [N, B]."""
    found = f64(_given(view, rows).log_prob(points[:, None]))
    alone = f64(_given(view, rows[-1:]).log_prob(points[:, None]))
    if not _same(found[:, -1:], alone):
        raise Violation(f"given row {rows[-1]} alone the density is another one than among other rows.")
    return found


def _same(one: Floats, other: Floats) -> bool:
    """Whether log-densities are equal up to rounding; those of far points are large."""
    return np.allclose(one, other, rtol=1e-5, atol=1e-3)


def _are_distributions(view: View, whole: Distribution, rows: Array) -> None:
    """Whether p(z) given each of the rows integrates to 1, by samples of p(z), and has its own samples."""
    z = whole.sample(DRAWS, seed=stateless(view.case, 14))[:, None]  # [DRAWS, 1, D]
    ratios = np.exp(f64(_given(view, rows).log_prob(z)) - f64(whole.log_prob(z)))  # [DRAWS, B]
    mean, error = ratios.mean(0), ratios.std(0, ddof=1) / np.sqrt(DRAWS)
    worst = int(np.argmax(np.abs(mean - 1) - SIGMAS * error))
    if not abs(mean[worst] - 1) <= SIGMAS * error[worst] + 1e-3:
        raise Violation(
            f"given row {rows[worst]}, the density integrates to {mean[worst]:.4f} ± {error[worst]:.4f}."
        )
    p = _given(view, rows[:1])
    own = p.sample(DRAWS, seed=stateless(view.case, 15))  # [DRAWS, 1, D]
    found = np.exp(f64(p.log_prob(own)) - f64(whole.log_prob(own)))[:, 0]
    expected = ratios[:, 0] ** 2
    error = np.hypot(found.std(ddof=1), expected.std(ddof=1)) / np.sqrt(DRAWS)
    if not abs(found.mean() - expected.mean()) <= SIGMAS * error + 1e-3:
        raise Violation(
            f"given row {rows[0]}, the samples are from another density: a mean of {found.mean():.4f}; expected "
            f"{expected.mean():.4f} ± {error:.4f}."
        )


class _Shifted(LearnedNormal):
    """Another normal for training examples than for others."""

    def distribution(self, rows: Tensor = None) -> Distribution:
        """p(z): [], [D]; or with rows [B]: [B], [D]."""
        if rows is None:
            return super().distribution()
        loc = self.loc.value + tf.where(rows[:, None] == -1, 0.0, 1.0)  # [B, D]
        return tfp.distributions.MultivariateNormalDiag(loc, tf.exp(self.log_scale.value) + tf.zeros_like(loc))


@check("objective", fast=1, deep=6)
def rows_reach_the_prior(subject: Subject, case: Case) -> None:
    """A prior that leaves training examples out gets their row numbers.

    An objective that takes the density of the prior without the rows of the batch trains, and each exemplar of
    such a prior keeps a mode for itself.
    """
    objective = built(subject, case)
    model = model_for(objective, case)
    parts = model.vae.parts | {"prior": _Shifted(case.latent_dim)}
    vae, batch = VAE(**parts), model.batch(model.examples(3))
    found = []
    for rows in ([-1, -1, -1], [0, 1, 2]):
        batch = batch._replace(rows=tf.constant(rows, tf.int64))
        losses = objective(vae, batch, stateless(case), tf.constant(FINAL_STEP))
        found.append(f64(tf.stack([losses.per_example, *losses.terms.values()])))
    if np.allclose(found[0], found[1], rtol=1e-5, atol=1e-5):
        raise Violation("the loss and its terms do not depend on batch.rows with a prior that takes them.")


@check("objective", fast=1, deep=6)
def unobserved_elements_are_left_out(subject: Subject, case: Case) -> None:
    """Elements of an example that are not observed have no effect on the loss where q(z|x) does not see them.

    An objective that takes a likelihood without the mask of its batch trains on data with gaps, and learns that
    what is missing is 0.
    """
    objective = built(subject, case)
    model = model_for(objective, case)
    model.be_prior()
    if model.vae.classifier is not None:  # nor does q(y|x)
        for variable in model.vae.classifier.trainable_variables:
            variable.assign(tf.zeros_like(variable))
    x = model.examples(4)
    observed = tf.reshape(tf.range(tf.size(x)) % 4 > 0, x.shape)
    found = []
    for gap in (0.0, 3.0):
        batch = model.batch(tf.where(observed, x, gap))._replace(observed=observed)
        losses = objective(model.vae, batch, stateless(case), tf.constant(FINAL_STEP))
        found.append(f64(tf.stack([losses.per_example, *losses.terms.values()])))
    if not np.allclose(found[0], found[1], rtol=1e-4, atol=1e-4):
        raise Violation(
            "the loss and its terms depend on elements of x that are not observed. Take log p(x|z) from "
            "vae.log_likelihood(batch.x, z, batch.condition, batch.observed), or vae.log_weights."
        )

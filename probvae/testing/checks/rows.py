"""Rows: each row of a batch has a result of its own, which depends on its input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from probvae.core import Distribution, Surface, Tensor, mean_of
from probvae.testing.case import Case
from probvae.testing.checking import ALPHA, Inconclusive, Violation, check
from probvae.testing.floats import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import FUNCTIONS, OF_DATA, WITH_INPUTS, View, f64, stateless, view_of

ROWS = 5
SPECIAL = (0.0, 1e-30, 1e-7, -1e-7, 0.5, 1.0, -1.0)
"""Values that all outputs of a network are given."""
AWAY, HALVINGS = 0.05, 6
"""How far away from them the density is looked at, and how often a part of the way is halved."""
DRAWS = 1000
"""How many draws of a row are compared with those that it has in another batch."""
TWINS = 400
"""How many draws two rows with the same input have in common, if they share their noise."""


@check(*WITH_INPUTS, *FUNCTIONS, fast=6, deep=80, statistical=True)
def rows_do_not_mix(subject: Subject, case: Case) -> None:
    """The result for one row depends neither on the other rows nor on their number.

    Batch normalisation, a flatten that takes in the batch axis, a reshape in the wrong order: each trains, and
    gives an example another posterior in other company. Draws [B, n, D] that are reshaped, and not transposed, to
    [n, B, D] are those of other rows.
    """
    view = view_of(subject, case)
    inputs = view.inputs(batch=(ROWS,))
    points = tf.reshape(view.points(view.call(inputs), 6), (6, 1, *view.event))

    def densities(rows: Tensor) -> Floats:
        return f64(view.call(rows).log_prob(points))  # [6, rows]

    expected = densities(inputs)
    others = tf.concat([-7.0 * inputs[:2], inputs[2:3], 3.0 * inputs[3:] + 1.0], axis=0)
    _same("in a batch with other rows", densities(others)[:, 2], expected[:, 2])
    _same("alone", densities(inputs[2:3])[:, 0], expected[:, 2])
    _same("in a batch turned round", densities(inputs[::-1])[:, 2], expected[:, 2])
    _same("at the other end of the batch", densities(tf.roll(inputs, 2, axis=0))[:, 4], expected[:, 2])
    if view.kind in WITH_INPUTS:
        _same_answers(view, "in a batch with other rows", view.call(others[1:4]), [1], view.call(inputs[2:3]))


def _same(where: str, found: Floats, expected: Floats) -> None:
    wrong = ~np.isclose(found, expected, rtol=2e-3, atol=2e-3, equal_nan=True)
    if np.any(wrong):
        at = int(np.argmax(wrong))
        raise Violation(f"a row {where} has log_prob {found[at]:.6g} at a point where it had {expected[at]:.6g}.")


def _same_answers(view: View, where: str, one: Distribution, these: list[int], other: Distribution) -> None:
    """Compare the means and draws of some rows of a batch with those of all rows of another one.

    Raises:
        Violation: the means differ, or the distribution functions of an element by more than chance explains
            (Dvoretzky, Kiefer and Wolfowitz, 1956, with the constant of Massart, 1990).
    """

    def flat(answers: Tensor) -> Floats:
        """Answers [..., B, event] of which B may be of several axes, as [N, rows, D]."""
        return f64(answers).reshape(-1, math.prod(one.batch_shape), math.prod(view.event))

    if (mean := mean_of(one)) is not None:
        found, expected = flat(mean)[0, these], f64(mean_of(other)).reshape(len(these), -1)
        wrong = ~np.isclose(found, expected, rtol=2e-3, atol=2e-3, equal_nan=True)
        if np.any(wrong):
            raise Violation(
                f"a row {where} has mean() {found[wrong][0]:.6g} where it had {expected[wrong][0]:.6g}."
            )
    seed = stateless(view.case, 21)
    found = np.sort(flat(one.sample(DRAWS, seed=seed))[:, these].reshape(DRAWS, -1), axis=0).T
    expected = np.sort(f64(other.sample(DRAWS, seed=seed)).reshape(DRAWS, -1), axis=0).T
    limit = 2 * math.sqrt(math.log(4000 * len(found) / ALPHA) / (2 * DRAWS))
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        values = np.concatenate([a, b])
        apart = np.abs(np.searchsorted(a, values, "right") - np.searchsorted(b, values, "right")).max() / DRAWS
        if not apart <= limit:
            raise Violation(
                f"draws of a row {where} are differently distributed: the distribution functions of element "
                f"{number % math.prod(view.event)} are {apart:.3g} apart, of which chance explains {limit:.3g}.",
                float(apart / limit),
            )


@check(*WITH_INPUTS, fast=5, deep=60)
def rows_have_noise_of_their_own(subject: Subject, case: Case) -> None:
    """Two rows with the same input get different draws: each row of a batch has its own noise.

    Noise without a batch axis broadcasts without an error: all examples of a batch then share it, the gradient is
    far noisier than its batch size says, and the images of one call are all variations of the same draw.
    """
    view = view_of(subject, case)
    p = view.call(tf.repeat(view.inputs(batch=(1,)), 2, axis=0))
    draws = f64(p.sample(TWINS, seed=stateless(case))).reshape(TWINS, 2, -1)
    changes = np.any(draws[1:, 0] != draws[:-1, 0], axis=-1).sum()
    if changes < TWINS // 10:  # else equal draws of both rows would be no rarer than once in 10^16
        raise Inconclusive("nearly all of its draws are the same")
    if np.allclose(draws[:, 0], draws[:, 1], rtol=1e-5, atol=1e-5 * float(draws.std())):
        raise Violation(f"two rows with the same input got the same {TWINS} draws: they share their noise.")


@check("posterior", "decoder", "likelihood", "network", fast=6, deep=80, statistical=True)
def leading_axes_are_rows(subject: Subject, case: Case) -> None:
    """Inputs [S, B, ...] are treated as S times B rows, in their order.

    An importance-weighted bound decodes [S, B, D] at once; a transposed reshape gives each example the likelihood
    of another one's latents. In a hierarchy the posterior of the lower block is of [S, B, ...], a row for each
    sample of the upper one.
    """
    view = view_of(subject, case)
    inputs = view.inputs(batch=(2, 3))
    flat = tf.reshape(inputs, (6, *view.input_shape))
    p, rows = view.call(inputs), view.call(flat)
    if tuple(p.batch_shape) != (2, 3):
        raise Violation(f"inputs [2, 3, ...] gave batch {p.batch_shape.as_list()}; expected [2, 3].")
    points = tf.reshape(view.points(rows, 4), (4, 1, *view.event))
    one = f64(p.log_prob(points[:, :, None])).reshape(4, 6)
    other = f64(rows.log_prob(points))
    for row in range(6):
        _same(f"of [2, 3, ...], the {row}th,", one[:, row], other[:, row])
    if view.kind in WITH_INPUTS:
        _same_answers(view, "of [2, 3, ...]", p, list(range(6)), rows)


@check(*WITH_INPUTS, *FUNCTIONS, fast=5, deep=60)
def answers_depend_on_inputs(subject: Subject, case: Case) -> None:
    """Another input gives another result; each latent, and each network output, has an effect.

    A decoder that ignores its latents models the marginal only, and an encoder that ignores its data turns every
    posterior into the prior: the loss still falls, as with a posterior that collapsed in training. A slice that
    is off by one reads a scale from the wrong place and leaves an output unread.
    """
    differs, reached = False, np.zeros(0, bool)
    for attempt in range(12):  # behind relu units that are all off, nothing moves
        again = replace(case, seed=case.seed + attempt, perturbation=max(case.perturbation, 0.1))
        values, slopes = _effects(view_of(subject, again))
        differs |= bool(np.any(np.abs(values - values[:, :1]) > 1e-6))
        reached = slopes if not len(reached) else reached | slopes
        enough = subject.kind in OF_DATA or (reached.any() if subject.kind in FUNCTIONS else reached.all())
        if differs and enough:
            return
    if not differs:
        raise Violation(f"{ROWS} different inputs gave the same answer, for 12 initial values.")
    place = int(np.argmin(reached))
    raise Violation(
        f"element {place} of its {len(reached)} inputs has no effect: the density's gradient to it is 0."
    )


def _effects(view: View) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Log-densities [8, rows] at points, and which elements of the input have a gradient of any of them."""
    inputs = view.inputs(batch=(ROWS,))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        p = view.call(inputs)
        points = tf.reshape(tf.stop_gradient(view.points(p, 8)), (8, 1, *view.event))
        log_prob = p.log_prob(points)  # [8, rows]
    gradient = tape.gradient(log_prob, inputs)
    if gradient is None:
        if view.kind not in OF_DATA:
            raise Violation("the density carries no gradient back to the inputs.")
        gradient = tf.zeros_like(inputs)
    return f64(log_prob), np.any(f64(gradient).reshape(ROWS, -1) != 0, axis=0)


@check("posterior", "likelihood", fast=4, deep=40)
def special_outputs_are_no_exceptions(subject: Subject, case: Case) -> None:
    """A head's density at outputs that are 0, or all equal, is continuous with that around them.

    A constant that needs a series near the middle, as that of the continuous Bernoulli, is a function of its own
    there; networks start near 0, so that nearly all of the first steps are in it.
    """
    view = view_of(subject, case)
    D = int(np.prod(view.input_shape))
    values = [v for v in SPECIAL if abs(v) > 0.4 or not isinstance(view.support, Surface)]  # 0 has no direction
    special = np.repeat(np.array(values)[:, None], D, axis=1)  # [N, D]
    direction = np.random.default_rng([case.seed, 15]).choice([-1.0, 1.0], size=D)

    def densities(away: Floats) -> Floats:
        """Those [8, ..., N] of the points, at this distance [..., N] from each of the special outputs."""
        rows = (special + away[..., np.newaxis] * direction).reshape(-1, *view.input_shape)
        return f64(view.call(tf.constant(rows, tf.float32)).log_prob(points)).reshape(8, *away.shape)

    def off(away: Floats) -> Floats:
        return densities(np.stack([away, -away])).mean(axis=1) - here[:, np.newaxis]  # [8, ..., N]

    middle = tf.zeros((1, *view.input_shape))
    points = tf.reshape(view.points(view.call(middle), 8), (8, 1, *view.event))
    low, high = np.zeros(len(values)), np.full(len(values), AWAY)
    here = densities(low)
    near = np.abs(off(high[np.newaxis])[:, 0]) / (1 + np.abs(here))
    # The point that is off most, [N], and the part of the way on which it becomes so, halved again and again.
    point = np.argmax(np.where(np.isfinite(near), near, 0), axis=0)
    row = np.arange(len(values))
    for _ in range(HALVINGS):
        between = (low + high) / 2
        below, at, above = off(np.stack([low, between, high]))[point, :, row].T
        first = np.abs(at - below) > np.abs(above - at)
        low, high = np.where(first, low, between), np.where(first, between, high)
    below, above = off(np.stack([low, high]))[point, :, row].T
    jump, size = np.abs(above - below), 1 + np.abs(here[point, row])
    wrong = (near[point, row] > 1e-2) & (jump / size > 0.4 * near[point, row])
    if np.any(wrong):
        worst = int(np.argmax(wrong))
        raise Violation(
            f"log_prob of a point jumps by {jump[worst]:.4g} between outputs that are {low[worst]:.3g} and "
            f"{high[worst]:.3g} away from all {values[worst]:g}."
        )

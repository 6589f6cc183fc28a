"""Bijectors: they invert, and their log-determinant is that of the Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from probvae.core import Tensor
from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.floats import Floats
from probvae.testing.subject import Subject, perturb
from probvae.testing.views import f64, stateless, view_of

POINTS = 6
FAR = 6.0
"""How many standard deviations out the tails are tried."""
VALUES = 400
"""How many values of the variables are tried with one graph."""
SIZES = (0.3, 1.0, 1.5)
"""How far from their initial values they are, in turns."""
STEP = 1e-3
LITTLE = 1e-5
SLACK = 30.0
"""How many times what a little change of y does may be exceeded: values in between round too."""


@check("bijector", fast=8, deep=100)
def round_trips(subject: Subject, case: Case) -> None:
    """Forward and inverse are inverses of each other on vectors [D], in both orders, without a cache.

    TFP's bijectors answer inverse(forward(x)) from memory, so that an inverse that is wrong looks right unless
    the tensor is another one. Samples come from the tails too, where a search that is cut short, or a clip, is
    off by more than rounding.
    """
    component, x = _component_and_points(subject, case)
    bijector = component.bijector()
    y = bijector.forward(x)
    if tuple(y.shape) != tuple(x.shape) or y.dtype != x.dtype:
        raise Violation(f"forward of {x.shape.as_list()} gave {y.dtype.name} {y.shape.as_list()}.")
    _leads_back("ordinary points", f64(x), _trip(component, x))
    _leads_back("points far out", FAR * f64(x), _trip(component, FAR * x), tolerance=0.05)
    between = 0.5 * (y + y[::-1])  # no image that is known, and in the range, which need not be all of R^D
    there = f64(bijector.forward(tf.identity(bijector.inverse(tf.identity(between)))))
    wrong = ~(np.abs(there - between) <= 5e-3 * (1 + np.abs(between)))
    if np.any(wrong):
        at = int(np.argmax(wrong.any(-1)))
        raise Violation(f"forward(inverse(y)) is {there[at]} for y = {f64(between)[at]}, between two images.")


@check("bijector", fast=1, deep=12)
def stays_invertible(subject: Subject, case: Case) -> None:
    """It is invertible for hundreds of ordinary values of its variables, and its log-determinants are opposites.

    A slope that may become negative, a weight without a bound, a constraint left out: most values of the variables
    are right, and training finds the others.
    """
    view = view_of(subject, replace(case, perturbation=0.0))
    trip = tf.function(partial(_trip, view.component), autograph=False)  # one graph for all values
    rng = np.random.default_rng([case.seed, 12])
    for _ in perturb(view.component, VALUES, SIZES, rng):
        x = tf.constant(rng.normal(size=(POINTS, case.latent_dim)), tf.float32)
        _undone("ordinary values of its variables", x, trip(x))


@check("bijector", fast=3, deep=40)
def holds_at_special_points(subject: Subject, case: Case) -> None:
    """At 0, on the axes, at equal elements and next to these it is continuous with the points around.

    A logarithm of |x| is infinite at 0, the sign of 0 is 0, and a series that takes over near 0 may be another
    function.
    """
    component, special = view_of(subject, case).component, _special(case.latent_dim)
    bijector = component.bijector()
    gone_to = bijector.inverse(tf.identity(special))  # NaN where it is the image of nothing
    reached = tf.reduce_all(tf.math.is_finite(gone_to), axis=-1)
    x = tf.concat([special, tf.boolean_mask(gone_to, reached)], axis=0)
    _undone("special points", x, _trip(component, x))
    D = case.latent_dim
    steps = STEP * np.array([[0.0] * D, *product((-1.0, 1.0), repeat=D)], np.float32)  # [1 + 2^D, D]
    around = tf.reshape(special + steps[:, None], (-1, D))
    for name in ("forward_log_det_jacobian", "inverse_log_det_jacobian"):
        log_det = getattr(component.bijector(), name)(around, event_ndims=1)
        here, *there = np.broadcast_to(f64(log_det), len(around)).reshape(-1, len(special))
        low, high = np.min(there, axis=0), np.max(there, axis=0)  # NaN where a side is out of the range
        middle, jump = (low + high) / 2, high - low  # as at a kink
        wrong = np.isfinite(jump) & ~(np.abs(here - middle) <= 0.05 * (1 + np.abs(middle)) + jump)
        if np.any(wrong):
            at = int(np.argmax(wrong))
            raise Violation(
                f"{name} at {f64(special)[at]} is {here[at]:.4g}, and from {low[at]:.4g} to {high[at]:.4g} all "
                f"around, {STEP:g} away."
            )


def _special(D: int) -> Tensor:
    """Points [N, D]: zeros, ties, one element that is another, and numbers that are nearly 0 or 1."""
    values = np.array([0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 1e-38, -1e-38, 1e-20, 1e-7, -1e-7, 1 + 2e-7, 1 - 1e-7])
    ties = np.repeat(values[:, None], D, axis=1)
    return tf.constant(np.concatenate([ties, np.eye(D), -np.eye(D), 1 - np.eye(D)]), tf.float32)


class _Trip(NamedTuple):
    """There and back from x [N, D]; what is [3, N, ...] is at y = forward(x), and a little below and above it.

    Args:
        y: forward(x), [N, D].
        back: the inverse, [3, N, D].
        log_det: that of forward at x, [N] or [].
        rest: what is left of it after that of the inverse is added, [3, N]; the first is 0 where both are right.
    """

    y: Tensor
    back: Tensor
    log_det: Tensor
    rest: Tensor


def _trip(component: Any, x: Tensor) -> _Trip:
    bijector = component.bijector()
    y = bijector.forward(x)
    step = LITTLE * (1 + tf.abs(y))
    near = tf.concat([y, y - step, y + step], axis=0)  # another tensor, which no cache knows
    back = tf.reshape(bijector.inverse(near), (3, *x.shape))
    log_det = bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=1)
    inverse = bijector.inverse_log_det_jacobian(tf.identity(near), event_ndims=1)
    inverse = tf.reshape(tf.broadcast_to(inverse, tf.shape(near)[:1]), (3, -1))
    return _Trip(y, back, log_det, log_det + inverse)


def _undone(where: str, x: Tensor, trip: _Trip) -> None:
    """Whether the way back leads to x [N, D], as far as single precision decides.

    Raises:
        Violation: it does not.
    """
    start, log_det, rest = f64(x), f64(trip.log_det), f64(trip.rest)
    tame = _leads_back(where, start, trip)
    limit = 2e-2 * (1 + np.abs(log_det)) + SLACK * _change(rest)
    if np.any(wrong := tame & ~(np.abs(rest[0]) <= limit)):
        at = int(np.argmax(wrong))
        raise Violation(
            f"at {where}, the log-determinants of forward at x = {start[at]} and of the inverse at its image "
            f"sum to {rest[0, at]:.4g}; expected 0."
        )


def _leads_back(where: str, start: Floats, trip: _Trip, tolerance: float = 5e-3) -> npt.NDArray[np.bool_]:
    """Whether inverse(forward(x)) is x [N, D], as far as single precision decides, and for which rows it does.

    Raises:
        Violation: it is not.
    """
    y, back = f64(trip.y), f64(trip.back)
    if np.any(np.isnan(y)):
        raise Violation(f"at {where}, forward({start[np.argmax(np.isnan(y).any(-1))]}) is nan.")
    tame = np.all(np.abs(y) < 1e4, axis=-1)
    off = np.abs(back[0] - start).max(-1)
    limit = tolerance * (1 + np.abs(start).max(-1)) + SLACK * _change(back).max(-1)
    if np.any(wrong := tame & ~(off <= limit)):
        at = int(np.argmax(wrong))
        raise Violation(f"at {where}, inverse(forward(x)) is {back[0, at]} for x = {start[at]}.")
    return tame


def _change(values: Floats) -> Floats:
    """How much the first of three is changed by a step to the others, of which one may be out of the range."""
    return np.asarray(np.nan_to_num(np.abs(values[1:] - values[0]), nan=0.0, posinf=np.inf).max(0))


@check("bijector", fast=8, deep=100)
def log_det_is_that_of_the_jacobian(subject: Subject, case: Case) -> None:
    """The log-determinants are those of the Jacobian by automatic differentiation, one number for each vector.

    Added once per dimension, with the sign of the other direction, or taken for a triangular matrix that is not
    triangular, it trains without complaint: the density is then no density.
    """
    component, x = _component_and_points(subject, case)
    bijector = component.bijector()
    expected = _log_det(bijector.forward, x)
    y = tf.identity(bijector.forward(x))
    found = {
        "forward_log_det_jacobian": (bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=1), expected),
        "inverse_log_det_jacobian": (bijector.inverse_log_det_jacobian(y, event_ndims=1), -expected),
    }
    square = (2, POINTS // 2, case.latent_dim)  # as many leading axes as an importance-weighted bound has
    found |= {
        f"{name} of {list(square)}": (
            getattr(bijector, name)(tf.reshape(tf.identity(at), square), event_ndims=1),
            right.reshape(square[:-1]),
        )
        for (name, (_, right)), at in zip(found.items(), (x, y), strict=True)
    }
    for name, (value, right) in found.items():
        if tuple(value.shape) not in ((), right.shape):
            raise Violation(f"{name}: expected shape {list(right.shape)} or []; got {value.shape.as_list()}.")
        values = np.broadcast_to(f64(value), right.shape)
        wrong = ~(np.abs(values - right) <= 1e-2 * (1 + np.abs(right)))
        if np.any(wrong):
            at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
            raise Violation(
                f"{name} is {values[at]:.5g} where automatic differentiation gives {right[at]:.5g} "
                f"(D = {case.latent_dim})."
            )


def _component_and_points(subject: Subject, case: Case) -> tuple[Any, Tensor]:
    view = view_of(subject, case)
    return view.component, tf.random.stateless_normal((POINTS, case.latent_dim), stateless(case))


def _log_det(function: Callable[[Tensor], Tensor], x: Tensor) -> Floats:
    with tf.GradientTape(persistent=True) as tape:  # as batch_jacobian wants it outside of a graph
        tape.watch(x)
        y = function(x)
    jacobian = tape.batch_jacobian(y, x, experimental_use_pfor=False)  # [N, D, D]
    return np.asarray(np.linalg.slogdet(f64(jacobian))[1])

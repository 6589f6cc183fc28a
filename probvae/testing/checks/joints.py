"""Joints: densities and bijectors are finite where their pieces meet, to the last place."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from probvae.core import REAL, Array, Factory, Tensor
from probvae.testing.case import Case
from probvae.testing.checking import NotApplicable, Violation, check
from probvae.testing.subject import Subject, perturb
from probvae.testing.views import View, stateless, view_of

Singles = npt.NDArray[np.float32]
Function = Factory

SIZES = (10.0, 20.0, 40.0)
"""How far variables are moved: far enough for some splines to have steps and ledges."""
DRAWS = 40
LINES = 64
"""How many lines are searched for each value of the variables."""
NODES = np.linspace(-1.0, 1.0, 33)
ROUNDS = 4
PLACES = np.arange(-96, 97)
"""Which floats around a joint are tried, counted from it."""


@check("prior", "bijector", fast=3, deep=20, mandatory=False)
def finite_at_every_joint(subject: Subject, case: Case) -> None:
    """Next to knots, kinks and peaks, to the last place of a float, a density is not NaN.

    The inverse of a rational-quadratic spline takes the root of what is nearly zero at some knots, and rounds
    below it for a few floats next to them. Training meets one of them after hours.
    """
    view = view_of(subject, replace(case, perturbation=0.0))
    # Each partial is a function of its own: TensorFlow counts the traces of functions with the same code together.
    sample, density = map(partial, _functions(view))
    start = tf.function(sample, autograph=False)
    value = tf.function(density, [tf.TensorSpec([None, case.latent_dim])], autograph=False)  # one trace for all
    rng = np.random.default_rng([case.seed, 13])
    for draw, _ in enumerate(perturb(view.component, DRAWS, SIZES, rng)):
        noise = rng.normal(size=(LINES, case.latent_dim)) * rng.choice([1.0, 3.0], size=(LINES, 1))
        with suppress(tf.errors.InvalidArgumentError), np.errstate(all="ignore"):  # so far out not all need hold
            points = np.array(start(tf.constant(noise, tf.float32), stateless(case, draw)))
            _finite_along_lines(value, points, rng)


def _functions(view: View) -> tuple[Function, Function]:
    """What gives points [LINES, D] that lines go through, and what must be finite at points [N, D]."""
    if view.kind == "bijector":

        def log_det(y: Tensor) -> Tensor:  # [] where it is constant
            values = view.component.bijector().inverse_log_det_jacobian(y, event_ndims=1)
            return tf.broadcast_to(values, tf.shape(y)[:1])

        return lambda noise, seed: view.component.bijector().forward(noise), log_det
    if view.support != REAL:
        raise NotApplicable("its density does not reach everywhere, and lines leave it")
    condition = view.inputs(batch=())  # one for all lines, or None
    return (
        lambda noise, seed: view.call(condition).sample(LINES, seed=seed),
        lambda z: view.call(condition).log_prob(z),
    )


def _finite_along_lines(function: Function, points: Singles, rng: np.random.Generator) -> None:
    """Go to the sharpest bend, or to the highest value, of a part of each line, and try the floats around it.

    Raises:
        Violation: one of them has a value that is not finite, where those around have one that is.
    """
    axes = rng.integers(points.shape[1], size=len(points))
    rows = np.arange(len(points))

    def along(places: Array) -> tuple[Singles, Singles]:
        """The lines' points [LINES, N, D] and their values [LINES, N]."""
        lines = np.repeat(points[:, None], places.shape[1], axis=1)
        lines[rows, :, axes] = places
        values = function(tf.constant(lines.reshape(-1, points.shape[1])))
        return lines, np.asarray(values).reshape(places.shape)

    centre, width = points[rows, axes], 0.5
    for _ in range(ROUNDS):
        places = np.asarray(centre[:, None] + width * NODES, np.float32)
        _, values = along(places)
        sharp = np.abs(np.diff(values, 2, axis=1))
        wanted = np.where((rows % 2 == 0)[:, None], sharp, values[:, 1:-1])
        at = 1 + np.argmax(np.nan_to_num(wanted, nan=np.inf), axis=1)
        centre, width = places[rows, at], width / 16
    lines, values = along(centre[:, None] + np.spacing(np.abs(centre))[:, None] * PLACES)
    ends = np.isfinite(values[:, 0]) & np.isfinite(values[:, -1])
    wrong = np.isnan(values) & ends[:, None]
    if np.any(wrong):
        row, place = np.argwhere(wrong)[0]
        raise Violation(
            f"log-density at {lines[row, place].tolist()} is nan, and {values[row, -1]:.4g} a few floats away. "
            "Where a root or a logarithm is of what may round below 0, write that as a sum of what is positive."
        )

"""Whether conditions, and upper blocks of latents, are taken where asked for, used, and by each row for itself."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import tensorflow as tf

from probvae.core import Hierarchy, Tensor
from probvae.testing.case import Case
from probvae.testing.checking import Inconclusive, Violation, check
from probvae.testing.floats import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import METHODS, View, f64, view_of

PARTS = ("prior", "encoder", "decoder", "likelihood")
"""The kinds that may take a condition; that of a likelihood head is the library size."""
ROWS = 4
SAMPLES = 3
TRIES = 12
"""How many initial values are tried: behind relu units that are all off, nothing moves."""


@check(*PARTS, fast=3, deep=30)
def conditions_are_taken_as_declared(subject: Subject, case: Case) -> None:
    """A condition is taken if and only if `__init__` asks for it and gets one.

    What takes a part of a model to be unconditional calls it without a condition, and what takes it to be
    conditional sizes its conditions by this number. A part that asks and takes none leaves the model
    unconditional; one that takes a condition which it did not ask for cannot be built from a spec.
    """
    view = view_of(subject, case)
    asks = subject.asks
    given = case.condition_dim if asks else 0
    if view.condition_dim not in (given, 0):
        raise Violation(f"it got condition_dim = {given}, and its condition_dim is {view.condition_dim}.")
    if asks and asks.required and not view.condition_dim:
        raise Violation(f"it asks for {asks.name}, and its condition_dim is 0: it is called without a condition.")
    method = getattr(view.component, METHODS[subject.kind])
    arguments = [None] * ((subject.kind != "prior") + (view.condition_dim > 0))
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError as error:
        what = "with a condition" if view.condition_dim else "without a condition"
        raise Violation(
            f"{METHODS[subject.kind]}() must be callable {what}, as condition_dim is {view.condition_dim}: "
            f"{error}. What takes one asks for condition_dim in __init__ (a likelihood for library_column), and "
            "its method takes `condition`."
        ) from error


@check(*PARTS, fast=6, deep=60, conditional=True)
def conditions_are_used(subject: Subject, case: Case) -> None:
    """Another condition gives another distribution, and each of its numbers has an effect.

    A condition that is taken and ignored leaves p(z) in the place of p(z|c), or p(x|z) in that of p(x|z, c). The
    model trains, and its samples of a class are of all classes.
    """
    unused = set(range(_conditional(subject, case).condition_dim))
    for attempt in range(TRIES):
        again = replace(case, seed=case.seed + attempt, perturbation=max(case.perturbation, 0.1))
        view = _conditional(subject, again)
        own, condition = _parted(view, view.inputs(batch=(1,)))
        points = tf.reshape(view.points(_call(view, own, condition), 8), (8, 1, *view.event))
        here = f64(_call(view, own, condition).log_prob(points))
        for number in sorted(unused):
            change = np.eye(view.condition_dim, dtype=np.float32)[number]
            for size in (1.0, -3.0):
                there = f64(_call(view, own, condition + size * change).log_prob(points))
                if np.any(np.abs(there - here) > 1e-6 * (1 + np.abs(here))):
                    unused.discard(number)
        if not unused:
            return
    raise Violation(
        f"number {min(unused)} of the {view.condition_dim} of a condition has no effect on the density, for "
        f"{TRIES} initial values."
    )


@check(*PARTS, fast=6, deep=60, conditional=True)
def conditions_are_of_their_rows(subject: Subject, case: Case) -> None:
    """The result for a row depends on its own condition only, also where z has more leading axes.

    The condition [B, C] belongs to the last leading axis of z [S, B, D]. Where it is repeated along another, or
    the rows are in another order, an example is decoded with the condition of another one.
    """
    view = _conditional(subject, case)
    own, condition = _parted(view, view.inputs(batch=(ROWS,)))
    p = _call(view, own, condition)
    points = tf.reshape(view.points(p, 6), (6, 1, *view.event))
    expected = f64(p.log_prob(points))  # [6, ROWS]
    others = tf.concat([condition[:1] + 3.0, -condition[1:2] - 1.0, condition[2:3], condition[3:] - 2.0], axis=0)
    _same(f64(_call(view, own, others).log_prob(points))[:, 2], expected[:, 2], "when other rows have others")
    for row in range(ROWS):
        alone = _call(view, None if own is None else own[row : row + 1], condition[row : row + 1])
        _same(f64(alone.log_prob(points))[:, 0], expected[:, row], "alone")
    if subject.kind == "decoder":
        _spread(view, own, condition)


@check("prior", "posterior", fast=3, deep=30, tag="hierarchy")
def blocks_depend_on_those_above(subject: Subject, case: Case) -> None:
    """In a hierarchy, other values of the blocks above give another density of each block.

    A lower block that ignores those above it leaves p(z1) in the place of p(z1|z2), or q(z1|x) in that of
    q(z1|x, z2). The layers are then one, the loss still falls, and the bound is as loose as that of one layer.
    """
    for attempt in range(TRIES):
        again = replace(case, seed=case.seed + attempt, perturbation=max(case.perturbation, 0.1))
        view = view_of(subject, again)
        p = view.call(view.inputs(batch=(1,)))
        if not isinstance(p, Hierarchy):
            raise Violation(f"it promises a hierarchy; expected a Hierarchy; got a {type(p).__name__}.")
        z = view.points(p, 8)
        sizes = [*p.blocks.values()]
        fixed = set()
        for lower, name in enumerate([*p.blocks][1:], 1):
            above, rest = tf.split(z, [sum(sizes[:lower]), sum(sizes[lower:])], axis=-1)
            other = tf.concat([tf.roll(above, 1, axis=0), rest], axis=-1)
            here, there = (f64(p.block_log_probs(value)[name]) for value in (z, other))
            if not np.any(np.abs(there - here) > 1e-6 * (1 + np.abs(here))):
                fixed.add(name)
        if not fixed:
            return
    raise Violation(
        f"the density of block {min(fixed)} is the same whatever the values of the blocks above it, for {TRIES} "
        "initial values."
    )


def _spread(view: View, own: Tensor, condition: Tensor) -> None:
    """Compare z [S, B, D] with a condition [B, C] to each z with its own condition."""
    z = own + tf.reshape(tf.range(0.0, SAMPLES), (-1, 1, 1))  # [S, B, D]
    p = _call(view, z, condition)
    if tuple(p.batch_shape) != (SAMPLES, ROWS):
        raise Violation(
            f"z [{SAMPLES}, {ROWS}, D] and a condition [{ROWS}, C] gave batch {p.batch_shape.as_list()}; expected "
            f"[{SAMPLES}, {ROWS}]."
        )
    points = tf.reshape(view.points(_call(view, own, condition), 4), (4, 1, 1, *view.event))
    together = f64(p.log_prob(points))  # [4, S, B]
    for sample in range(SAMPLES):
        rows = f64(_call(view, z[sample], condition).log_prob(points[:, 0]))  # [4, B]
        for row in range(ROWS):
            _same(together[:, sample, row], rows[:, row], f"in z [{SAMPLES}, {ROWS}, D]")


def _same(found: Floats, expected: Floats, where: str) -> None:
    wrong = ~np.isclose(found, expected, rtol=2e-3, atol=2e-3, equal_nan=True)
    if np.any(wrong):
        at = int(np.argmax(wrong))
        raise Violation(
            f"a row with the same condition {where} has log_prob {found[at]:.6g} at a point where it had "
            f"{expected[at]:.6g}."
        )


def _conditional(subject: Subject, case: Case) -> View:
    view = view_of(subject, case)
    if not view.condition_dim:
        raise Inconclusive("it takes no condition in this case")
    return view


def _parted(view: View, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """The inputs of rows [B, ...] without their conditions (None for a prior), and these, [B, C]."""
    *own, condition = view.arguments(inputs)
    return own[0] if own else None, condition


def _call(view: View, own: Tensor, condition: Tensor) -> Tensor:
    method = getattr(view.component, METHODS[view.kind])
    return method(condition) if own is None else method(own, condition)

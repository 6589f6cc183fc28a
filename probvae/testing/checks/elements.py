"""Elements: each one of an input is read, and each one of a result is computed for itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from math import prod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from probvae.testing.case import Case
from probvae.testing.checking import Inconclusive, Violation, check
from probvae.testing.subject import Refused, Subject
from probvae.testing.views import FUNCTIONS, METHODS, WITH_INPUTS, View, f64, view_of

READINGS = 24
"""At how many initial values an element may be without effect by chance, as behind units of relu that are off."""
ENOUGH = 4
"""At how many of them, if those elements are read that ever were, and no others: no unit is off."""
COMPARISONS = 6
"""At how many initial values elements are compared: only biases are left behind such units, and they differ."""
ROWS = 5
IMAGE = (8, 8, 1)
"""An image in which the strides of an encoder's defaults leave out no quarter."""

Flags: TypeAlias = npt.NDArray[np.bool_]


@check("encoder", *FUNCTIONS, fast=5, deep=60)
def every_part_of_an_example_is_read(subject: Subject, case: Case) -> None:
    """Each element of a vector and each channel of an image has an effect; at the defaults, each quarter too.

    An encoder that reads the first channel, a slice that is cut short: training continues, and what is not read
    cannot be reconstructed. Strides may skip pixels, so that not every pixel of an image need count.
    """
    _all_are_read(subject, case, _slices)
    if not case.configuration:
        with suppress(Refused, Inconclusive):  # it takes no images
            _all_are_read(subject, replace(case, event_shape=IMAGE, decodes=False), _quarters)


def _all_are_read(subject: Subject, case: Case, parts_of: Callable[[Flags], dict[str, Flags]]) -> None:
    read, same = np.zeros((), bool), 0
    for attempt in range(READINGS):
        now = _read(view_of(subject, _again(case, attempt)))
        same = same + 1 if read.any() and np.array_equal(now, read) else 0
        read = read | now
        unread = [name for name, part in parts_of(read).items() if not part.any()]
        if not unread:
            return
        if same == ENOUGH:
            break
    what, where = (
        ("input", "map_rows()") if subject.kind == "network" else ("example", f"{METHODS[subject.kind]}()")
    )
    raise Violation(
        f"{unread[0]} of an {what} {list(read.shape)} has no effect on what {where} returns, at {attempt + 1} "
        "initial values. Read all of it."
    )


def _read(view: View) -> Flags:
    """Which elements [*E] of an example change the posterior when they take the values of another example."""
    size, shape = prod(view.input_shape), view.own_input_shape
    elements = prod(shape)  # the first ones: a condition comes after them
    one = tf.reshape(view.inputs(batch=(ROWS,)), (ROWS, 1, size))
    each = tf.eye(elements, size, dtype=tf.bool)
    changed = tf.where(each, tf.roll(one, 1, axis=0), one)  # [ROWS, elements, size]
    q = view.call(tf.reshape(tf.concat([one, changed], axis=1), (-1, *view.input_shape)))
    points = tf.reshape(view.points(q, 8), (8, 1, *view.event))
    log_prob = f64(q.log_prob(points)).reshape(8, ROWS, 1 + elements)
    differ = np.abs(log_prob - log_prob[..., :1]) > 1e-5 * (1 + np.abs(log_prob))  # by more than rounding
    return np.any(differ, axis=(0, 1))[1:].reshape(shape)


def _slices(read: Flags) -> dict[str, Flags]:
    """The elements of a vector, or the channels of an image, by name."""
    what = "element" if read.ndim == 1 else "channel"
    return {f"{what} {place}": read[..., place] for place in range(read.shape[-1])}


def _quarters(read: Flags) -> dict[str, Flags]:
    """The quarters of an image by name."""
    height, width = (size // 2 for size in read.shape[:2])
    return {
        "the upper left quarter": read[:height, :width],
        "the upper right quarter": read[:height, width:],
        "the lower left quarter": read[height:, :width],
        "the lower right quarter": read[height:, width:],
    }


@check(*WITH_INPUTS, *FUNCTIONS, fast=5, deep=60, mandatory=False)
def elements_are_no_copies(subject: Subject, case: Case) -> None:
    """No element of a result, and no channel of an image, is a copy of another.

    A decoder that computes one channel and repeats it, an encoder whose latents all have the same location: shapes
    and densities are right, and half of the model is missing. Two elements are copies if exchanging their values
    changes no density, whatever the inputs.
    """
    event = View(subject.kind, None, case).event
    if event[-1] < 2:
        raise Inconclusive("there is one element only")
    copies = list(combinations(range(event[-1]), 2))
    for attempt in range(COMPARISONS):
        copies = _still_copies(view_of(subject, _again(case, attempt)), copies)
        if not copies:
            return
    one, other = copies[0]
    what = "channels" if len(event) > 1 else "elements"
    raise Violation(
        f"{what} {one} and {other} of its answer are copies: exchanging their values changes no density, at "
        f"{COMPARISONS} initial values. Compute each from outputs of its own."
    )


def _still_copies(view: View, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pairs of places along the last axis whose exchange leaves all densities as they are."""
    p = view.call(view.inputs(batch=(ROWS,)))
    points = tf.reshape(view.points(p, 12), (12, 1, *view.event))
    before, left = f64(p.log_prob(points)), []
    for one, other in pairs:
        order = np.arange(view.event[-1])
        order[[one, other]] = other, one
        after = f64(p.log_prob(tf.gather(points, order, axis=-1)))
        with np.errstate(invalid="ignore"):
            if not np.any(np.abs(after - before) > 1e-4 * (1 + np.abs(before))):
                left.append((one, other))
    return left


def _again(case: Case, attempt: int) -> Case:
    return replace(case, seed=case.seed + attempt, perturbation=max(case.perturbation, 0.1))

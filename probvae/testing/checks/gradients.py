"""Whether the gradient that training descends is the slope of the density."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from probvae.core import Tensor, trainable_names
from probvae.testing.case import Case
from probvae.testing.checking import CannotTell, Violation, check
from probvae.testing.spaces import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import ANSWERS, f64, stateless, view

ROWS = 6
STEPS = (0.02, 0.005)
"""How far all numbers of a group are moved together, the second if the first is too far for a straight line."""


@check(*ANSWERS, fast=5, deep=60)
def gradients_are_slopes_of_the_density(subject: Subject, case: Case) -> None:
    """The gradient of log_prob to the inputs and to the variables is its slope, by finite differences.

    A stop_gradient that was left behind, a parameter that passes through numpy on one of its two ways: the value
    is right, a gradient arrives, and it points elsewhere.
    """
    found = view(subject, case)
    inputs = found.inputs(batch=(ROWS,))
    points = tf.stop_gradient(found.ask(inputs).sample(8, seed=stateless(case)))
    variables = {name: variable.value for name, variable in trainable_names(found.component).items()}
    given = {} if inputs is None else {"inputs": tf.Variable(inputs)}

    def log_prob() -> Tensor:
        return found.ask(tf.convert_to_tensor(given["inputs"]) if given else None).log_prob(points)

    groups = [(name, group) for name, group in (("inputs", given), ("variables", variables)) if group]
    rng = np.random.default_rng([case.seed, 11])
    tried = [_is_slope(log_prob, name, group, rng) for name, group in groups]
    if groups and not any(tried):
        raise CannotTell("its density has no slope that settles")


def _is_slope(
    log_prob: Callable[[], Tensor], name: str, group: Mapping[str, tf.Variable], rng: np.random.Generator
) -> bool:
    """Hold the gradient along a random direction against differences; whether these say anything.

    Raises:
        Violation: it is another.
    """
    direction = {key: tf.constant(rng.normal(size=v.shape), tf.float32) for key, v in group.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(group.values()))
        densities = log_prob()
        weights = rng.normal(size=densities.shape)  # each density by itself, not their sum only
        total = tf.reduce_sum(tf.constant(weights, tf.float32) * densities)
    gradients = tape.gradient(total, dict(group))
    parts = [f64(tf.convert_to_tensor(g)) * f64(direction[key]) for key, g in gradients.items() if g is not None]
    if not parts:
        return False
    slope, size = sum(float(part.sum()) for part in parts), np.sqrt(sum(float((part**2).sum()) for part in parts))
    length = np.sqrt(sum(math.prod(v.shape) for v in group.values()))
    for step in STEPS:
        coarse, fine = (_difference(log_prob, weights, group, direction, s / length) for s in (step, step / 2))
        limit = 0.05 * (size + abs(fine)) + 0.02 * float(np.abs(weights).sum())
        if abs(coarse - fine) < 0.1 * limit:
            break
    else:
        return False  # a kink, a cliff, the end of the support
    if not abs(slope - fine) <= limit:
        raise Violation(
            f"along a random direction of its {name} the gradient of log_prob is {slope:.4f}, and log_prob "
            f"changes by {fine:.4f} per unit (finite differences)."
        )
    return True


def _difference(
    log_prob: Callable[[], Tensor],
    weights: Floats,
    group: Mapping[str, tf.Variable],
    direction: Mapping[str, Tensor],
    step: float,
) -> float:
    ends = []
    before = {key: tf.identity(variable) for key, variable in group.items()}
    for sign in (1.0, -1.0):
        for key, variable in group.items():
            variable.assign(before[key] + sign * step * direction[key])
        ends.append(f64(log_prob()))
    for key, variable in group.items():
        variable.assign(before[key])
    return float((weights * (ends[0] - ends[1])).sum() / (2 * step))

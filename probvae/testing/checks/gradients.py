"""Gradients: those that training descends are those of the density."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from probvae.core import Tensor, Values
from probvae.testing.case import Case
from probvae.testing.checking import Inconclusive, Violation, check
from probvae.testing.floats import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import LATENT, POSTERIORS, VIEWED, f64, stateless, view_of

ROWS = 6
POINT = "the latent"
STEPS = (0.02, 0.005)
"""How far all numbers of a group are moved together, the second if the first is too far for a straight line."""

DRAWS = 4000
WAVES = 6
"""How many functions of a sample are tried."""
SIGMAS = 7.5


@check(*VIEWED, fast=5, deep=60)
def gradients_are_slopes_of_the_density(subject: Subject, case: Case) -> None:
    """The gradient of log_prob with respect to inputs, variables and latents agrees with finite differences.

    A stop_gradient that was left behind, a parameter that passes through numpy on one of its two ways: the value
    is right, a gradient arrives, and it points elsewhere. Where a KL has no closed form, an encoder learns from it
    through the latents at which densities are taken.
    """
    view = view_of(subject, case)
    inputs = view.inputs(batch=(ROWS,))
    points = {POINT: tf.Variable(view.call(inputs).sample(8, seed=stateless(case)))}
    given = {} if inputs is None else {"inputs": tf.Variable(inputs)}

    def log_prob() -> Tensor:
        p = view.call(tf.convert_to_tensor(given["inputs"]) if given else None)
        return p.log_prob(tf.convert_to_tensor(points[POINT]))

    latent = view.kind in LATENT and isinstance(view.support, Values)  # a step would leave a surface
    groups = [group for group in (given, view.variables, points if latent else {}) if group]
    rng = np.random.default_rng([case.seed, 11])
    tried = [_are_slopes(log_prob, group, rng) for group in groups]
    if groups and not any(tried):
        raise Inconclusive("its density has no slope that settles")


def _are_slopes(
    log_prob: Callable[[], Tensor], group: Mapping[str, tf.Variable], rng: np.random.Generator
) -> bool:
    """Compare the gradient to a group along a random direction with differences; whether these say anything.

    Raises:
        Violation: it is another; names the first of the group to which it is, if one alone shows it.
    """
    try:
        return _is_slope(log_prob, " and ".join(group) if len(group) < 3 else "its variables", group, rng)
    except Violation:
        for name, one in group.items() if len(group) > 1 else ():
            _is_slope(log_prob, name, {name: one}, rng)
        raise


def _is_slope(
    log_prob: Callable[[], Tensor], name: str, group: Mapping[str, tf.Variable], rng: np.random.Generator
) -> bool:
    """Compare the gradient along a random direction with differences; whether these say anything.

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
    if not parts and POINT not in group:  # which always needs one: other checks say what else does
        return False
    slope, size = sum(float(part.sum()) for part in parts), np.sqrt(sum(float((part**2).sum()) for part in parts))
    length = np.sqrt(sum(math.prod(v.shape) for v in group.values()))
    middle = f64(densities)
    for step in (step / length for step in STEPS):
        near, far = (_perturbed(log_prob, group, direction, distance) for distance in (step / 2, step))
        fine = float((weights * (near[1] - near[0])).sum()) / step
        coarse = float((weights * (far[1] - far[0])).sum()) / (2 * step)
        # 4 times the second difference near, less the one far: of a curve nothing is left, of a kink its height.
        kink = float((weights * (4 * (near[0] + near[1]) - (far[0] + far[1]) - 6 * middle)).sum()) / step
        limit = 0.05 * (size + abs(fine)) + 0.02 * float(np.abs(weights).sum())
        if abs(coarse - fine) < 0.1 * limit and abs(kink) < limit:
            break
    else:
        return False  # a kink, a cliff, the end of the support
    if not abs(slope - fine) <= limit:
        raise Violation(
            f"the gradient of log_prob to {name} is {slope:.4f} along a random direction, and log_prob changes by "
            f"{fine:.4f} per unit of it (finite differences).",
            abs(slope - fine) / limit,
        )
    return True


def _perturbed(
    log_prob: Callable[[], Tensor],
    group: Mapping[str, tf.Variable],
    direction: Mapping[str, Tensor],
    distance: float,
) -> list[Floats]:
    """log_prob with the variables moved against the direction, and along it."""
    before = {key: tf.identity(variable) for key, variable in group.items()}
    found = []
    for signed in (-distance, distance):
        for key, variable in group.items():
            variable.assign(before[key] + signed * direction[key])
        found.append(f64(log_prob()))
    for key, variable in group.items():
        variable.assign(before[key])
    return found


@check(*POSTERIORS, fast=4, deep=40, mandatory=False, statistical=True)
def samples_move_with_the_density(subject: Subject, case: Case) -> None:
    """The gradient through the samples of a posterior is that of the expectation under its density.

    E[∂f(z)/∂x] = E[f(z) ∂log q(z | x)/∂x] for every bounded f. A location that is cut from the path, noise that is
    scaled twice, a sampler by rejection whose acceptance is forgotten: a gradient arrives, of something else.
    """
    view = view_of(subject, case)
    inputs = tf.repeat(view.inputs(batch=(1,)), DRAWS, axis=0)  # [N, ...], each with a sample of its own
    rng = np.random.default_rng([case.seed, 13])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        q = view.call(inputs)
        z = q.sample(seed=stateless(case, 13))  # [N, D]
        log_prob = q.log_prob(tf.stop_gradient(z))
        directions, phases = _waves(f64(z), rng)
        waves = [tf.cos(tf.linalg.matvec(z, w) + b) for w, b in zip(directions, phases, strict=True)]  # [N] each
    if not np.ptp(z, axis=0).all():
        raise Inconclusive("an element of its samples is always the same")
    score = tape.gradient(log_prob, inputs)
    if score is None:
        raise Inconclusive("no gradient reaches its inputs from the density")
    for wave in waves:
        path = tape.gradient(wave, inputs)
        if path is None:
            raise Violation("a gradient reaches its inputs from the density, and none from a sample.")
        weights = f64(wave) - f64(wave).mean()  # less noise than the values themselves give, and the same mean
        _agree(f64(path).reshape(DRAWS, -1), weights[:, None] * f64(score).reshape(DRAWS, -1))


def _waves(z: Floats, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """The frequencies [K, D] and phases [K] of cosines, about one wave over the spread of the samples [N, D]."""
    spread = np.maximum(np.subtract(*np.quantile(z, [0.8, 0.2], axis=0)), 1e-6)
    directions = rng.normal(size=(WAVES, z.shape[1])) / spread
    phases = rng.uniform(0, 2 * np.pi, WAVES) - directions @ np.median(z, axis=0)
    return tf.constant(directions, tf.float32), tf.constant(phases, tf.float32)


def _agree(path: Floats, score: Floats) -> None:
    """Compare two estimates [N, inputs] of one gradient."""
    difference = path - score
    error = difference.std(0, ddof=1) / np.sqrt(len(difference))
    scale = np.abs(path).mean() + np.abs(score).mean()
    excess = np.abs(difference.mean(0)) / (SIGMAS * error + 2e-3 * scale + 1e-12)
    worst = int(np.argmax(excess))
    if not excess[worst] <= 1:
        raise Violation(
            f"through its samples the gradient of E[f(z)] to element {worst} of its inputs is "
            f"{path.mean(0)[worst]:.4g}, and by its density {score.mean(0)[worst]:.4g}, ± {error[worst]:.2g}.",
            float(excess[worst]),
        )

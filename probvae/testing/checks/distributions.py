"""Distributions: shapes, broadcasting and finite values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

import numpy as np
import tensorflow as tf

from probvae.core import REAL, Distribution, Tensor, Values, mean_of
from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.floats import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import (
    DISTRIBUTIONS,
    LATENT,
    LIKELIHOODS,
    POSTERIORS,
    VIEWED,
    View,
    f64,
    stateless,
    view_of,
)


@check(*VIEWED, fast=8, deep=100)
def shapes(subject: Subject, case: Case) -> None:
    """The result is a float32 distribution with the right batch and event shape, both static and dynamic.

    Dimensions on the wrong side of batch and event broadcast without an error and give a loss that is wrong by a
    sum; float64 or int32 samples fail in a model that is float32 everywhere else.
    """
    view = view_of(subject, case)
    p = view.distribution()
    static = (tuple(p.batch_shape), tuple(p.event_shape))
    if static != (view.batch, view.event):
        raise Violation(
            f"expected batch {list(view.batch)} and event {list(view.event)}; got batch {list(static[0])} and "
            f"event {list(static[1])}. tfd.Independent(..., reinterpreted_batch_ndims=...) makes batch dimensions "
            "event dimensions."
        )
    dynamic = (tuple(p.batch_shape_tensor().numpy()), tuple(p.event_shape_tensor().numpy()))
    if dynamic != static:
        raise Violation(f"the static shapes are {static}, the dynamic ones {dynamic}.")
    x = p.sample(case.samples, seed=stateless(case))
    _same_shape("a sample", x, (*case.samples, *view.batch, *view.event))
    _same_shape("log_prob of a sample", p.log_prob(x), (*case.samples, *view.batch))
    if view.kind in LIKELIHOODS and (mean := mean_of(p)) is not None:
        _same_shape("mean()", mean, (*view.batch, *view.event))


def _same_shape(what: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != expected or tuple(tf.shape(tensor).numpy()) != expected:
        raise Violation(f"expected {what} of shape {list(expected)}; got {tensor.shape.as_list()}.")
    if tensor.dtype != tf.float32:
        raise Violation(f"expected {what} in float32; got {tensor.dtype.name}.")


@check(*DISTRIBUTIONS, fast=6, deep=80)
def log_prob_broadcasts(subject: Subject, case: Case) -> None:
    """log_prob of [S, ..., event] is the log_prob of each point by itself.

    The log weights of an importance-weighted bound are taken at [S, B, D] in one call. A reduction over one axis
    too many or too few, or an axis counted from the wrong end, shows only there.
    """
    view = view_of(subject, case)
    p = view.distribution()
    x, log_x = p.experimental_sample_and_log_prob((2, 3), seed=stateless(case))
    together = f64(p.log_prob(tf.identity(x)))  # [2, 3, ...]; a bijector must not answer from its cache
    _close("sample_and_log_prob", f64(log_x), together, "log_prob of the same points")
    for at in ((0, 0), (0, 2), (1, 1)):
        _close(
            "log_prob of [2, 3, ...]", together[at], f64(p.log_prob(tf.identity(x[at]))), "that of the point alone"
        )
    if view.batch:
        flat = p.log_prob(x[0, 0])  # [...], one point for each row
        for row in np.ndindex(*view.batch):
            alone = p.log_prob(tf.broadcast_to(x[(0, 0, *row)], x[0, 0].shape))[row]
            _close("log_prob of one row", f64(flat[row]), f64(alone), "log_prob with that point in every row")


def _close(what: str, one: Floats, other: Floats, that: str, tolerance: float = 2e-3) -> None:
    if one.shape != other.shape:
        raise Violation(f"{what} has shape {list(one.shape)}, {that} {list(other.shape)}.")
    wrong = ~(np.abs(one - other) <= tolerance * (1 + np.abs(other)))
    if np.any(wrong & ~(one == other)):
        at = np.unravel_index(int(np.argmax(wrong)), one.shape)
        raise Violation(f"{what} is {one[at]:.6g} and {that} is {other[at]:.6g}.")


@check(*VIEWED, fast=7, deep=100)
def finite(subject: Subject, case: Case) -> None:
    """Densities and their slopes are finite at samples and far away; samples are, at extreme inputs too.

    A scale without a floor underflows to 0 and its density is NaN; the log of a sum of exponentials that is not
    shifted is minus infinity a few scales out, and a tf.where that corrects the value leaves a gradient of NaN.
    They come after hours of training.
    """
    view = view_of(subject, case)
    for name, inputs in _inputs(view):
        _finite_at(view, name, inputs)
    p = view.distribution()
    _finite("log_prob over the support", p.log_prob(view.points(p, 40)))
    if view.kind in LATENT and view.support == REAL:
        _finite_far_away(view)


def _finite_at(view: View, name: str, inputs: Tensor) -> None:
    sources = ({"inputs": inputs} if inputs is not None else {}) | view.variables
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(list(sources.values()))
        p = view.call(inputs)
        with tape.stop_recording():
            x = p.sample(4, seed=stateless(view.case))
            _finite(f"a sample at {name} inputs", x)
            unlikely = view.points(p, 12)
        log_prob, far = p.log_prob(tf.identity(x)), p.log_prob(unlikely)
    _finite(f"log_prob of a sample at {name} inputs", log_prob)
    for source, slope in _slopes(tape, log_prob, sources):
        _finite(f"the gradient of log_prob to its {source}, at {name} inputs,", slope)
    if np.all(np.isfinite(far)):  # where it is, its slope is a number
        for source, slope in _slopes(tape, far, sources):
            if np.any(np.isnan(slope)):
                raise Violation(
                    f"the gradient of log_prob to its {source}, at {name} inputs and unlikely points, is nan."
                )
    if view.kind in POSTERIORS:
        _positive(p, name)


def _finite_far_away(view: View) -> None:
    axes = np.concatenate([np.eye(view.case.latent_dim), -np.eye(view.case.latent_dim)])
    sizes = (10.0, 100.0)
    points = view.spread(np.concatenate([size * axes for size in sizes]))
    with tf.GradientTape() as tape:
        tape.watch(points)
        log_prob = view.distribution().log_prob(points)
    for part, size in zip(tf.split(log_prob, len(sizes)), sizes, strict=True):
        _finite(f"log_prob {size:g} away from the origin", part)
    slope = tape.gradient(log_prob, points)
    if slope is not None:
        for part, size in zip(tf.split(slope, len(sizes)), sizes, strict=True):
            _finite(f"the gradient of log_prob to its argument, {size:g} away from the origin,", part)


def _slopes(
    tape: tf.GradientTape, log_prob: Tensor, sources: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """The gradients of log_prob to its sources by name, as far as there are any."""
    for name, gradient in tape.gradient(log_prob, dict(sources)).items():
        if gradient is not None:
            yield name, tf.convert_to_tensor(gradient)


def _inputs(view: View) -> list[tuple[str, Tensor]]:
    if (plain := view.inputs()) is None:
        return [("no", None)]
    size = 30.0 if view.kind in ("prior", "decoder", "network") else 200.0
    low, high = -size, size
    if isinstance(view.support, Values) and view.support.low > -inf and view.support.high == inf:
        # What is above 0 is often the exponential of an output, and e^200 is no number, nor is e^-200.
        low, high = -10.0 if view.support.open else low, 10.0
    sizes = (0.0, 1.0, 255.0) if view.takes_data else (0.0, high, low)
    return [("ordinary", plain), *((f"constant {size:g}", tf.fill(plain.shape, size)) for size in sizes)]


def _finite(what: str, tensor: Tensor) -> None:
    if not np.all(np.isfinite(tensor)):
        bad = f64(tensor)[~np.isfinite(f64(tensor))][0]
        raise Violation(f"{what} is {bad}.")


def _positive(p: Distribution, name: str) -> None:
    try:
        scale = f64(p.stddev())
    except NotImplementedError:
        return
    if np.any(scale <= 0):  # some have none, as a Cauchy distribution: that is NaN, or infinite
        raise Violation(f"the standard deviation at {name} inputs is {np.nanmin(scale):g}; expected all above 0.")

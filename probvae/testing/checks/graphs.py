"""Graphs: a compiled step computes what eager code does."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from probvae.core import FINAL_STEP, Factory, Tensor
from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.linear_gaussian import model_for
from probvae.testing.subject import Subject
from probvae.testing.views import VIEWED, View, built, f64, stateless, view_of


@check(*VIEWED, "bijector", "objective", fast=3, deep=20)
def graph_equals_eager(subject: Subject, case: Case) -> None:
    """A graph gives the values of eager code, for batches of unknown size, is traced once, and keeps no state.

    Python that runs while a graph is traced (a NumPy draw, a counter, a shape read as a number) is frozen into it:
    right in the first step, and in a notebook, and wrong from then on.
    """
    function, arguments, unknown = _computation(subject, case)
    one, two = function(*arguments), function(*arguments)
    _equal("a second call", two, "the first", one)
    graph = _compiled(function, input_signature=unknown)
    _equal("a graph", graph(*arguments), "eager code", one)
    other = [tf.roll(a, 1, 0) if a.shape.rank and a.dtype.is_floating else a for a in arguments]
    _equal("the graph's second batch", graph(*other), "eager code", function(*other))
    if (traces := graph.experimental_get_tracing_count()) != 1:
        raise Violation(f"the graph was traced {traces} times for two batches of one shape.")


@check(*VIEWED, "bijector", fast=1, deep=6, tag="xla")
def xla_equals_eager(subject: Subject, case: Case) -> None:
    """Compiled by XLA it gives the densities of eager code.

    Samples are others, as XLA has random numbers of its own; they must be finite.
    """
    function, arguments, _ = _computation(subject, case)
    found = _compiled(function, jit_compile=True)(*arguments)
    expected = function(*arguments)
    if subject.kind != "bijector":
        if not np.all(np.isfinite(found[0])):
            raise Violation("a sample drawn by XLA is not finite.")
        found, expected = found[1:], expected[1:]
    _equal("XLA", found, "eager code", expected)


def _compiled(function: Factory, **options: Any) -> Any:
    """The function as a graph."""
    # Each partial is a function of its own; of functions with the same code TensorFlow counts the traces together,
    # and warns that they are many.
    return tf.function(partial(function), autograph=False, **options)


def _computation(subject: Subject, case: Case) -> tuple[Factory, list[Tensor], list[tf.TensorSpec]]:
    """What a step asks of the component, as a function of tensors; the tensors; their specs of unknown size."""
    seed = stateless(case)
    if subject.kind == "objective":
        objective = built(subject, case)
        model = model_for(objective, case)
        x = model.examples(max(2, *case.batch))
        step = tf.constant(FINAL_STEP, tf.int32)

        def compute(x: Tensor, seed: Tensor, step: Tensor) -> list[Tensor]:
            losses = objective(model.vae, model.batch(x), seed, step)
            return [losses.per_example, *[losses.terms[name] for name in sorted(losses.terms)]]

        arguments = [x, seed, step]
        return compute, arguments, [_unknown(x), _known(seed), _known(step)]
    view = view_of(subject, case)
    if subject.kind == "bijector":
        x = tf.random.stateless_normal((3, case.latent_dim), seed)

        def there(x: Tensor) -> list[Tensor]:
            bijector = view.component.bijector()
            y = bijector.forward(x)
            log_det = bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=1)
            return [y, log_det, bijector.inverse(tf.identity(y))]

        return there, [x], [_unknown(x)]
    return _of_distribution(view, seed)


def _of_distribution(view: View, seed: Tensor) -> tuple[Factory, list[Tensor], list[tf.TensorSpec]]:
    points = view.points(view.distribution(), 6)

    def step(points: Tensor, seed: Tensor, *inputs: Tensor) -> list[Tensor]:
        p = view.call(inputs[0] if inputs else None)
        return [p.sample(3, seed=seed), p.log_prob(points)]

    arguments, specs = [points, seed], [_unknown(points), _known(seed)]
    inputs = view.inputs()
    if inputs is not None:
        arguments.append(inputs)
        specs.append(tf.TensorSpec([*[None] * len(view.batch), *view.input_shape], inputs.dtype))
    return step, arguments, specs


def _unknown(tensor: Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)


def _known(tensor: Tensor) -> tf.TensorSpec:
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def _equal(what: str, found: list[Tensor], that: str, expected: list[Tensor]) -> None:
    for one, other in zip(map(f64, found), map(f64, expected), strict=True):
        if one.shape != other.shape:
            raise Violation(f"{what} gives shape {list(one.shape)}, {that} {list(other.shape)}.")
        near = np.isclose(one, other, rtol=2e-3, atol=2e-3, equal_nan=True)
        if not np.all(near):
            at = np.unravel_index(int(np.argmin(near)), near.shape)
            raise Violation(f"{what} gives {one[at]:.6g} where {that} gives {other[at]:.6g}.")

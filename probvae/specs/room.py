"""Building a model that fits into the available memory, or naming the number of its spec that is too large."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from probvae.core import (
    VAE,
    ArrayLike,
    Batch,
    Condition,
    Group,
    Objective,
    Shape,
    Tensor,
    available_memory,
    readable,
    without_autograph,
)
from probvae.core.room import largest_tensor, variables_within
from probvae.errors import SpecError, TooLargeError
from probvae.specs.build import build_model
from probvae.specs.document import KeyPath
from probvae.specs.plan import MODEL, OBJECTIVE
from probvae.specs.planned import Plan, PlannedComponent

SMALL = 2**27
"""A model with at most this many bytes of variables is built without a trial in a graph."""

LARGEST = 2**31 - 1
"""The most elements that TensorFlow takes along an axis of a shape."""

MARGIN = 8
"""A tensor of the four largest numbers of a spec, this many times, is far from the memory there is."""

COPIES = 8
"""How many times a trained variable is in memory: itself, its gradient, Adam's two moments, and the new values of
each while a step replaces them."""

TENSORS = 4
"""A step has at least this many tensors as large as its largest: what that is computed from, and the gradients."""


def build_within_memory(
    plan: Plan,
    event_shape: Shape,
    examples: Callable[[], ArrayLike] | None = None,
    train_examples: int | None = None,
    condition: Condition | None = None,
    groups: tuple[Group, ...] = (),
) -> tuple[VAE, Objective]:
    """`build_model`, for training; a model that does not fit into the memory is an error before it is allocated.

    A model with many variables is first built in a graph that is never run, in which nothing has a value.

    Raises:
        SpecError: it names the number of the spec that is too large.
    """
    if problems := [
        plan.document.problem(path, f"at most {LARGEST}", str(number), "TensorFlow takes no larger size.")
        for path, number in _numbers(plan)
        if number > LARGEST
    ]:
        raise SpecError(problems)
    available = available_memory()
    if available is None:
        return build_model(plan, event_shape, examples, train_examples, condition, groups)

    def build(limit: int, symbolic: bool = False) -> tuple[VAE, Objective]:
        with variables_within(limit, symbolic):
            vae, objective = build_model(plan, event_shape, examples, train_examples, condition, groups)
        _check_step(plan, vae, objective, train_examples, available)
        return vae, objective

    with _located(plan, available):
        before = random.getstate(), np.random.get_state()
        try:
            return build(min(SMALL, available // COPIES))
        except TooLargeError:
            with tf.Graph().as_default():
                build(available // COPIES, symbolic=True)
        random.setstate(before[0])
        np.random.set_state(before[1])
        return build(available // COPIES)


def _check_step(plan: Plan, vae: VAE, objective: Objective, examples: int | None, available: int) -> None:
    """Trace the loss of a whole batch, unless its numbers are so small that no tensor of it can be large.

    Raises:
        TooLargeError: the tensors of the size of the largest one do not fit into the memory.
    """
    largest_four = sorted([math.prod(vae.event_shape), *dict(_numbers(plan)).values()])[-4:]
    if 4 * math.prod(largest_four) < available / MARGIN:
        return
    batch_size = min(plan.train.batch_size, examples or 2**63)

    def loss(x: Tensor, *condition: Tensor) -> Tensor:
        return objective(vae, Batch(x, *condition), tf.constant([0, 0]), tf.constant(0)).per_example

    traced = without_autograph(loss, vae, objective)
    shapes = [(batch_size, *vae.event_shape), *([(batch_size, vae.condition_dim)] if vae.condition_dim else [])]
    try:
        largest = largest_tensor(traced, *(tf.TensorSpec(shape, tf.float32) for shape in shapes))
    except Exception:  # a component is anyone's code, and the first step raises its error
        return
    if TENSORS * largest.bytes > available:
        what = f"a training step with at least {TENSORS} tensors {largest}"
        raise TooLargeError(f"Expected at most {readable(available)}; got {what}.", what, largest.shape)


@contextmanager
def _located(plan: Plan, available: int) -> Iterator[None]:
    """Convert a `TooLargeError` to a SpecError that points at the key to change."""
    try:
        yield
    except TooLargeError as error:
        numbers = dict(_numbers(plan))
        # The largest number that can be a factor of the largest axis.
        longest = max(error.shape, default=LARGEST)
        path = next((path for path, number in numbers.items() if number <= longest), ("model", "latent_dim"))
        memory = f"{readable(available)} (training takes {COPIES} times that of the variables)"
        expected = f"a model that can be trained in the available memory, {memory}"
        found = f"{numbers[path]}, which makes {error.what}"
        raise SpecError([plan.document.problem(path, expected, found, "Lower it.")]) from error


def _numbers(plan: Plan) -> Iterator[tuple[KeyPath, int]]:
    """Every integer of a spec that the size of a model or of a step can depend on, largest first."""
    found: dict[KeyPath, int] = {
        ("model", "latent_dim"): plan.latent_dim,
        ("train", "batch_size"): plan.train.batch_size,
    }
    for slot in (*MODEL, OBJECTIVE):
        if slot.path in plan.components:
            found |= _numbers_of(plan.components[slot.path])
    yield from sorted(found.items(), key=lambda item: item[1], reverse=True)


def _numbers_of(table: PlannedComponent) -> dict[KeyPath, int]:
    found = {}
    for name, value in table.values.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        if integers := [number for number in values if type(number) is int]:
            found[(*table.path, name)] = max(integers)
    for inner in table.components.values():
        found |= _numbers_of(inner)
    return found

"""Restoring one instance of a component from the variables of another, and comparing the two."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from probvae.core import Component, Table, Tensor, named_variables
from probvae.errors import TrainingError
from probvae.testing.checking import Violation
from probvae.testing.floats import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import View, f64, stateless


def reference_points(view: View) -> tuple[Floats | None, Floats]:
    """Inputs (None where the component takes none) and points at which two instances are compared."""
    if view.kind == "bijector":
        return None, f64(tf.random.stateless_normal((4, view.case.latent_dim), stateless(view.case)))
    inputs = view.inputs()
    return None if inputs is None else f64(inputs), f64(view.points(view.distribution(), 5))


def evaluate(view: View, inputs: Floats | None, points: Floats) -> Floats:
    """Log-densities at the points; of a bijector its images of the points and log-determinants, both ways."""
    at = tf.constant(points, tf.float32)
    if view.kind == "bijector":
        bijector = view.component.bijector()
        images = (bijector.forward(at), bijector.inverse(tf.identity(at)))  # [N, D] each
        names = ("forward_log_det_jacobian", "inverse_log_det_jacobian")
        log_dets = (getattr(bijector, name)(tf.identity(at), event_ndims=1) for name in names)
        columns = (np.broadcast_to(f64(log_det), len(points))[:, None] for log_det in log_dets)
        return np.concatenate([*map(f64, images), *columns], axis=-1)
    given: Tensor = None if inputs is None else tf.constant(inputs, tf.float32)
    return f64(view.call(given).log_prob(at))


def compare(values: Floats, expected: Floats, what: str, subject: Subject) -> None:
    """Compare the values of two instances.

    Raises:
        Violation: they differ.
    """
    if values.shape != expected.shape or not np.allclose(values, expected, 1e-4, 1e-4, equal_nan=True):
        raise Violation(
            f"{what} gives {values.ravel()[:3].round(5).tolist()} where the first gave "
            f"{expected.ravel()[:3].round(5).tolist()}: some of its state is not saved. {remedy(subject)}"
        )


def remedy(subject: Subject) -> str:
    """How to save state that is not saved."""
    weight = "a weight: self.add_weight(..., trainable=False)"
    if "examples" not in subject.context:
        return f"Keep it as {weight}."
    return (
        "Loading a run supplies zeros instead of the training examples: keep what is computed from them as "
        f"{weight}, and assign it in __init__."
    )


def variables_of(component: Any) -> Table:
    """All variables, trainable or not, by name; empty if the object is not a component."""
    if not isinstance(component, Component):
        return {}
    try:
        return named_variables(component)
    except TrainingError as error:
        raise Violation(str(error)) from error


def assign(component: Any, saved: Table) -> None:
    """Assign saved arrays to a component's variables, as strictly as a checkpoint is restored.

    Raises:
        Violation: names or shapes differ.
    """
    variables = variables_of(component)
    if set(variables) != set(saved):
        odd = sorted(set(variables) ^ set(saved))
        raise Violation(f"two instances of one configuration have different variables: {', '.join(odd)}.")
    for name, variable in variables.items():
        if tuple(variable.shape) != saved[name].shape:
            shapes = f"{list(variable.shape)} in one instance and {list(saved[name].shape)} in another"
            raise Violation(f"{name} has shape {shapes}.")
        variable.assign(saved[name])

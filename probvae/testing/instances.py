"""Two instances of one component: asking both the same, and giving one the other's variables."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from probvae.core import Component, Tensor, named_variables
from probvae.errors import TrainingError
from probvae.testing.checking import Violation
from probvae.testing.spaces import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import View, f64, stateless


def questions(view: View) -> tuple[Floats | None, Floats]:
    """Inputs and points at which two instances are compared."""
    if view.kind == "bijector":
        return None, f64(tf.random.stateless_normal((4, view.case.latent_dim), stateless(view.case)))
    inputs = view.inputs()
    return None if inputs is None else f64(inputs), f64(view.points(view.distribution(), 5))


def answers(view: View, inputs: Floats | None, points: Floats) -> Floats:
    """What a component says of the points: log-densities, or what a bijector makes of them, both ways."""
    at = tf.constant(points, tf.float32)
    if view.kind == "bijector":
        bijector = view.component.bijector()
        ways = (bijector.forward(at), bijector.inverse(tf.identity(at)))  # [N, D] each
        names = ("forward_log_det_jacobian", "inverse_log_det_jacobian")
        volumes = (getattr(bijector, name)(tf.identity(at), event_ndims=1) for name in names)
        columns = (np.broadcast_to(f64(volume), len(points))[:, None] for volume in volumes)
        return np.concatenate([*map(f64, ways), *columns], axis=-1)
    given: Tensor = None if inputs is None else tf.constant(inputs, tf.float32)
    return f64(view.call(given).log_prob(at))


def compare(values: Floats, expected: Floats, what: str, subject: Subject) -> None:
    """Compare the answers of two instances.

    Raises:
        Violation: they differ.
    """
    if values.shape != expected.shape or not np.allclose(values, expected, 1e-4, 1e-4, equal_nan=True):
        raise Violation(
            f"{what} gives {values.ravel()[:3].round(5).tolist()} where the first gave "
            f"{expected.ravel()[:3].round(5).tolist()}: something that it depends on is not saved. {keep(subject)}"
        )


def keep(subject: Subject) -> str:
    """What to do about state that is not saved."""
    weight = "a weight: self.add_weight(..., trainable=False)"
    if "examples" not in subject.context:
        return f"Keep it as {weight}."
    return (
        "Loading a run supplies zeros in the place of the training examples: keep what is measured on them as "
        f"{weight}, and assign it in __init__."
    )


def arrays(component: Any) -> dict[str, Any]:
    """All variables, trainable or not, by name, as a checkpoint has them."""
    try:
        return {n: v.numpy() for n, v in named_variables(component).items()} if _owns(component) else {}
    except TrainingError as error:
        raise Violation(str(error)) from error


def assign(component: Any, saved: dict[str, Any]) -> None:
    """Give a component saved variables, as strictly as a checkpoint is restored.

    Raises:
        Violation: names or shapes differ.
    """
    own = named_variables(component) if _owns(component) else {}
    if set(own) != set(saved):
        odd = sorted(set(own) ^ set(saved))
        raise Violation(f"two instances of one configuration have different variables: {', '.join(odd)}.")
    for name, variable in own.items():
        if tuple(variable.shape) != saved[name].shape:
            shapes = f"{list(variable.shape)} in one instance and {list(saved[name].shape)} in another"
            raise Violation(f"{name} has shape {shapes}.")
        variable.assign(saved[name])


def _owns(component: Any) -> bool:
    return isinstance(component, Component)

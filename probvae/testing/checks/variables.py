"""Variables: a component owns all of its variables, and each has a gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from probvae.core import Component, Tensor, named_variables
from probvae.errors import TrainingError
from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.floats import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import OF_DATA, POSTERIORS, VIEWED, View, f64, stateless, view_of

ROWS = 16
TRIES = 24
"""How often a gradient may be exactly zero by chance, as behind a unit of relu that is off."""


@check(*VIEWED, "bijector", fast=5, deep=60)
def owns_its_variables(subject: Subject, case: Case) -> None:
    """Every variable that is used belongs to the component, under a name; calls create and change none.

    A variable behind a closure, or one made anew in each call, is trained by nobody and saved by nobody; the model
    runs and its loss falls. One that is set by the first batch, or follows the batches, makes a density that is
    another one after each question.
    """
    view = view_of(subject, case)
    try:
        before = named_variables(view.component) if isinstance(view.component, Component) else {}
        values = {name: f64(variable) for name, variable in before.items()}
        with tf.GradientTape() as tape:
            _use(view)
        after = named_variables(view.component) if isinstance(view.component, Component) else {}
    except TrainingError as error:
        raise Violation(str(error)) from error
    owned = {id(variable.value) for variable in after.values()}
    unowned = sorted({v.name for v in tape.watched_variables() if id(v) not in owned})
    if unowned:
        raise Violation(
            f"it uses trainable variables that belong to no component: {', '.join(unowned)}. Assign what holds "
            "them to an attribute in __init__, or call self.adopt(thing, name)."
        )
    if set(after) != set(before):
        made = ", ".join(sorted(set(after) - set(before)))
        raise Violation(f"using it made the variables {made}. Make them in __init__.")
    changed = [
        name for name, value in values.items() if not np.array_equal(f64(after[name]), value, equal_nan=True)
    ]
    if changed:
        raise Violation(
            f"using it changed {', '.join(changed)}. Only the optimizer may; what depends on data is made in "
            "__init__, from `examples`."
        )


def _use(view: View) -> Tensor:
    """Everything that a training step asks of a component: a draw, and its density."""
    if view.kind == "bijector":
        bijector = view.component.bijector()
        y = bijector.forward(tf.random.stateless_normal((4, view.case.latent_dim), stateless(view.case)))
        return bijector.inverse(tf.identity(y)), bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)
    p = view.distribution()
    x = p.sample(4, seed=stateless(view.case))
    return x, p.log_prob(tf.stop_gradient(tf.identity(x)))


@check(*VIEWED, "bijector", fast=5, deep=60)
def learns(subject: Subject, case: Case) -> None:
    """Every trainable variable receives a gradient from the density: present, finite, and not always zero.

    A distribution that is built in __init__ holds copies of the variables: its density goes stale and no gradient
    arrives. A variable that nothing depends on is carried along, saved, and never trained.
    """
    still: set[str] | None = None
    for attempt in range(TRIES):
        view = view_of(
            subject, replace(case, seed=case.seed + attempt, perturbation=max(case.perturbation, 0.1 * attempt))
        )
        if not isinstance(view.component, Component):
            return
        zero = _without_gradient(view)
        still = zero if still is None else still & zero
        if not still:
            return
    raise Violation(
        f"the density does not depend on {', '.join(sorted(still or ()))}: its gradient is zero at {TRIES} "
        "initial values. Use it, remove it, or make it with trainable=False."
    )


def _without_gradient(view: View) -> set[str]:
    with tf.GradientTape() as tape:
        loss = _density(view)
    zero = set()
    for name, gradient in tape.gradient(loss, view.variables).items():
        if gradient is None:
            raise Violation(
                f"the density does not depend on {name}. Build the distribution from it inside the method that "
                "returns it (one stored in __init__ holds copies), use it, or remove it."
            )
        values = f64(tf.convert_to_tensor(gradient))
        if not np.all(np.isfinite(values)):
            raise Violation(f"the gradient of the density to {name} is not finite.")
        if not np.any(values):
            zero.add(name)
    return zero


def _density(view: View) -> Tensor:
    if view.kind == "bijector":
        bijector = view.component.bijector()
        noise = tf.random.stateless_normal((32, view.case.latent_dim), stateless(view.case))
        y = tf.stop_gradient(bijector.forward(noise))
        x = bijector.inverse(tf.identity(y))
        log_det = bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)
        return tf.reduce_sum(tf.sin(x + 0.5)) + tf.reduce_sum(tf.cast(log_det, tf.float32))
    inputs = view.inputs(batch=(ROWS,))
    p = view.call(inputs)
    points = tf.stop_gradient(p.sample(8, seed=stateless(view.case)))  # [8, ...]
    # Also the points of other rows, which the density of a row need not like: a gradient at the mode is zero.
    points = tf.concat([points, points if inputs is None else tf.roll(points, 1, axis=1)], axis=0)
    return tf.reduce_sum(tf.cast(p.log_prob(points), tf.float32))


@check(*POSTERIORS, fast=5, deep=60)
def samples_carry_gradients(subject: Subject, case: Case) -> None:
    """Samples of a posterior carry a gradient to its variables, and those of a head to its network's outputs.

    Training descends through them (Kingma and Welling, Auto-encoding variational Bayes, 2014). Where the path is
    cut, the encoder still learns from the KL, and from nothing else.
    """
    _carries(view_of(subject, case))


@check("prior", fast=4, deep=40, tag="reparameterized")
def prior_samples_carry_gradients(subject: Subject, case: Case) -> None:
    """The samples of a prior that promises to be reparameterized carry a gradient to every trainable variable."""
    _carries(view_of(subject, case))


def _carries(view: View) -> None:
    inputs = view.inputs(batch=(ROWS,))
    with tf.GradientTape() as tape:
        if inputs is not None:
            tape.watch(inputs)
        z = view.call(inputs).sample(16, seed=stateless(view.case))
        loss = tf.reduce_sum(tf.sin(z * 1.3 + tf.range(1.0, 1.0 + view.event[0])))
    sources = view.variables if inputs is None or view.kind in OF_DATA else {"inputs": inputs, **view.variables}
    for name, gradient in zip(sources, tape.gradient(loss, list(sources.values())), strict=True):
        if gradient is None:
            raise Violation(
                f"no gradient reaches the {name} from a sample. Draw it as a function of them and noise."
            )
        if not np.all(np.isfinite(tf.convert_to_tensor(gradient))):
            raise Violation(f"the gradient of a sample to {name} is not finite.")
        if name == "inputs" and view.kind == "posterior":
            _reaches_each_output(f64(gradient))


def _reaches_each_output(gradient: Floats) -> None:
    """Whether a head's samples depend on everything that it asks its network for; the gradient is [ROWS, *O]."""
    outputs = gradient.reshape(ROWS, -1)
    still = np.flatnonzero(~np.any(outputs, axis=0))
    if len(still):
        raise Violation(f"no sample depends on output {still[0]} of the {outputs.shape[1]} it asks for.")

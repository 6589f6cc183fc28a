"""Parameters: each of them changes something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from probvae.core import Array, named_variables
from probvae.testing.case import Case
from probvae.testing.checking import Inconclusive, check
from probvae.testing.effects import all_have_an_effect, random_tables
from probvae.testing.strategies import some_values
from probvae.testing.subject import Refused, Subject
from probvae.testing.views import VIEWED, View, stateless, view_of

TABLES = 24
"""How many random settings of the other parameters are tried."""


@check(*VIEWED, fast=1, deep=6, mandatory=False)
def parameters_change_something(subject: Subject, case: Case) -> None:
    """Each parameter changes variables, draws, densities, gradients or the support, for some values of the others.

    A parameter that is taken and never used makes all experiments with it one experiment; a number that is written
    into the code in its place does the same.
    """
    case = replace(case, perturbation=0.3)
    size = 0 if subject.asks is None else 1 if subject.kind == "likelihood" else 2
    image = (*[8] * (len(case.event_shape) - 1), case.event_shape[-1])
    larger = replace(case, latent_dim=3, event_shape=image, condition_dim=size)
    values = {parameter.name: some_values(parameter) for parameter in subject.signature.plain.values()}
    others = random_tables(values, TABLES, np.random.default_rng([case.seed, 12]))
    tables = [{}, {}, case.configuration, case.configuration, *subject.promises.cases, *others]
    settings = [  # some have nothing to do where a size is 1
        (larger if number % 2 else case, dict(table)) for number, table in enumerate(tables)
    ]

    def build(case: Case) -> View | None:
        try:
            return view_of(subject, case)
        except (Refused, Inconclusive):
            return None

    all_have_an_effect(values, settings, build, _differ, "variables, draws, densities, gradients or the support")


def _differ(views: list[View]) -> bool:
    """Whether one component is not the first: in its variables or shapes, or in what it computes."""
    first, *others = views
    outline = _outline(first)
    if any(_outline(other) != outline for other in others):
        return True
    p = first.distribution()
    points = first.points(p, 8)
    found = _answers(first, points)
    return any(not _same(found, _answers(other, points)) for other in others)


def _outline(view: View) -> tuple[object, ...]:
    """The shapes of variables by name, of inputs and answers, and the support."""
    variables = {name: tuple(variable.shape) for name, variable in named_variables(view.component).items()}
    return variables, view.input_shape, view.condition_dim, str(view.support)


def _answers(view: View, points: tf.Tensor) -> list[Array]:
    """The values of variables, draws of one seed, densities at the same points, and the gradient of their sum."""
    inputs = view.inputs()
    sources = [*([] if inputs is None else [inputs]), *view.variables.values()]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        p = view.call(inputs)
        densities = p.log_prob(points)
        total = tf.reduce_sum(densities)
    gradient = tape.gradient(total, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    values = named_variables(view.component).values()
    found = [*values, p.sample(4, seed=stateless(view.case)), densities, *gradient]
    return [np.asarray(tf.convert_to_tensor(value)) for value in found]


def _same(one: list[Array], other: list[Array]) -> bool:
    """Whether the same was computed, as far as rounding tells."""
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
        for a, b in zip(one, other, strict=True)
    )

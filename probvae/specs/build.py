"""From a plan to objects: the only place where names become components."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from probvae.core import (
    KINDS,
    VAE,
    Array,
    ArrayLike,
    Classifier,
    Condition,
    Context,
    Decoder,
    Encoder,
    Group,
    Network,
    Objective,
    Shape,
    dtype_policy,
)
from probvae.errors import ConfigError, SpecError, TooLargeError, explained
from probvae.specs.document import Document
from probvae.specs.plan import DATA, MODEL, OBJECTIVE
from probvae.specs.planned import Plan, PlannedComponent, located_errors

_SEMI_SUPERVISED = "Set objective.use = 'semi_supervised', or leave data.labelled out."

NETWORKS = (Encoder.kind, Decoder.kind, Classifier.kind, Network.kind)
"""The kinds whose layers compute in a precision of their own; those of heads and priors are float32."""


def build_model(
    plan: Plan,
    event_shape: Shape,
    examples: Callable[[], ArrayLike] | None = None,
    train_examples: int | None = None,
    condition: Condition | None = None,
    groups: tuple[Group, ...] = (),
) -> tuple[VAE, Objective]:
    """Build the model and the objective of a plan. Initial weights come from Keras' global seed.

    Args:
        plan: a checked spec.
        event_shape: E, the shape of one example.
        examples: returns training examples [N, *E], for components that are initialised from data.
        train_examples: the number of training examples, for schedules that count epochs, and `train_size`.
        condition: the condition of the data, if it has one.
        groups: what the elements of an example are, where the data says it.

    Raises:
        SpecError: parts that are valid by themselves do not fit together, or with the data's condition.
    """
    train = plan.train
    supply: dict[str, Callable[[], object]] = {
        "latent_dim": lambda: plan.latent_dim,
        "event_shape": lambda: tuple(event_shape),
    }
    if condition is not None:
        supply["condition_dim"] = lambda: condition.size
        if condition.library_column is not None:
            supply["library_column"] = lambda: condition.library_column
        if condition.one_hot:
            supply["classes"] = lambda: condition.size
    if groups:
        supply["column_groups"] = lambda: groups
    if examples is not None:
        supply["examples"] = examples
    if train_examples is not None:
        steps = -(-train_examples // train.batch_size)
        supply["steps_per_epoch"] = lambda: steps
        supply["train_size"] = lambda: train_examples
        with located_errors(plan.document, plan.settings["train"]):
            train.check(steps)
    parts = {}
    for slot in (slot for slot in MODEL if slot.path in plan.components):
        name = slot.path[-1]
        precision = "float32" if slot.in_float32 else train.precision
        parts[name] = build_component(plan.document, plan.components[slot.path], supply, precision)
        supply[name] = partial(parts.__getitem__, name)
    try:
        vae = VAE(**parts)
    except (TooLargeError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a component is anyone's code, and may call sys.exit
        problem = plan.document.problem(("model",), "parts that work together", "these", explained(error))
        raise SpecError([problem]) from error
    try:
        vae.check_condition(condition)
    except ConfigError as error:
        raise SpecError([plan.document.problem(("data", "condition"), "", "", str(error))]) from error
    table = plan.components[OBJECTIVE.path]
    objective: Objective = build_component(plan.document, table, supply)
    with located_errors(plan.document, table):
        objective.check(vae)
        objective.describe(vae)
    if DATA.path in plan.components and plan.dataset.reading.labelled and not objective.classifier:
        expected = "an objective that takes examples without a label, as [data] labelled leaves some"
        raise SpecError(
            [plan.document.problem((*OBJECTIVE.path, "use"), expected, f"{table.use!r}", _SEMI_SUPERVISED)]
        )
    return vae, objective


def placeholder(event_shape: Shape) -> Callable[[], Array]:
    """What loading supplies instead of the training examples: one example of zeros, as weights are restored."""
    return lambda: np.zeros((1, *event_shape), np.float32)


def build_component(
    document: Document, table: PlannedComponent, supply: Context, precision: str = "float32"
) -> Any:
    """Build a component, its inner components first.

    Args:
        document: the spec, for errors.
        table: the component's checked table.
        supply: the context that its parameters may name.
        precision: what the layers of networks compute in.

    Raises:
        SpecError: the component does not accept its parameters, or its code fails.
    """
    arguments = dict(table.values)
    for name, inner in table.components.items():
        with located_errors(document, table):
            context = table.signature.context_for(name, table.values, supply)
        arguments[name] = build_component(document, inner, context, precision)
    for name in table.signature.context:
        if name in supply:
            with located_errors(document, table):
                arguments[name] = supply[name]()
        elif table.signature.all[name].required:
            expected, got = f"a place where {name!r} is known", f"{table.use!r}, which asks for it"
            hint = 'Set [data] condition = "labels".' if name in ("condition_dim", "classes") else ""
            if name == "classes" and "library_column" in supply:
                hint = "Set [data] library_size = false: the classes alone are then the condition."
            hint = hint or ('It is for tables: [data] use = "table".' if name == "column_groups" else "")
            raise SpecError([document.problem(table.path, expected, got, hint)])
    with located_errors(document, table):
        with dtype_policy(precision if table.kind in NETWORKS else "float32"):
            built = table.signature.factory(**arguments)
        contract = KINDS[table.kind]
        if not isinstance(built, contract):
            raise TypeError(f"expected a subclass of probvae.{contract.__name__}; got {type(built).__name__}")
        return built

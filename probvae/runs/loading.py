"""From a spec to a model, and from a run's folder back to its trained model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import keras
import tensorflow as tf

from probvae import registry as registries
from probvae.core import VAE, Condition, Data, Objective, Shape, Signature, gradient_step, readable
from probvae.core.room import variables_within
from probvae.errors import (
    CheckpointError,
    CheckpointWarning,
    DataWarning,
    Problem,
    SpecError,
    TooLargeError,
    UserError,
)
from probvae.registry import Registry
from probvae.runs.environment import DataRecord
from probvae.runs.folder import Run, find_run
from probvae.runs.plugins import load_plugins
from probvae.runs.selection import Selection
from probvae.specs import (
    Plan,
    SpecData,
    build_model,
    build_within_memory,
    check_support,
    placeholder,
    plan,
    read,
    show,
)
from probvae.training import Checkpoint, best_checkpoint, restore

Spec: TypeAlias = str | os.PathLike[str] | Mapping[str, object]
"""A TOML or JSON file, the folder of a run, or the same as a dict."""


@dataclass(frozen=True)
class Built:
    """A checked spec, and what is built from it.

    Args:
        plan: the checked spec.
        vae: the model.
        objective: the loss that it is trained by.
        data: the dataset, read on first use.
    """

    plan: Plan
    vae: VAE
    objective: Objective
    data: SpecData

    @property
    def choices(self) -> dict[str, str]:
        """What the objective's parameters leave open, as decided for this model."""
        return self.objective.describe(self.vae)

    def freeze(self) -> None:
        """Freeze the parts of the model that the spec names, for a training.

        Raises:
            UserError: the model has no such part, nothing is left to train, or the objective leaves some of it
                untrained.
        """
        vae, parts = self.vae, self.plan.train.freeze
        for part in parts:
            if part not in vae.parts:
                raise UserError(
                    f"train.freeze: expected {', '.join(vae.parts)}; got {part!r}, which the model has not."
                )
            vae.parts[part].trainable = False
        if not vae.trainable_variables:
            raise UserError(
                f"train.freeze: expected a trainable variable in the other parts; got {', '.join(parts)}, "
                "which have all of them. Remove one, or give the model a prior with variables."
            )
        self.objective.check_training(vae)


def prepare(
    spec: Spec,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    registry: Registry | None = None,
    fetch: bool = True,
    given: object = None,
) -> Built:
    """Check a spec, build its model with initial weights, and compare its data with its likelihood.

    Args:
        spec: a TOML or JSON file, the folder of a run, or a dict.
        overrides: `key.path=value` settings that override the spec.
        plugins: files to load as plugins first.
        registry: where names are looked up; None for the default one.
        fetch: whether components that are initialised from data get it; otherwise no data is fetched, and they
            get zeros.
        given: the data in Python, in the place of the spec's dataset; None to use that.

    Raises:
        SpecError: with all problems of the spec.
    """
    checked = read_plan(spec, _with_given(overrides, given), plugins, registry, needs_data=True)
    data = SpecData.of(checked, given=given)
    info = data.info
    if 0 in info.sizes:
        raise UserError(
            "data: expected training, validation and test examples; got {:,}, {:,} and {:,}. Set data.share above "
            "0, which splits some off.".format(*info.sizes)
        )
    examples = data.examples if fetch else placeholder(info.event_shape)
    _seed_initial_weights(checked)
    vae, objective = build_within_memory(
        checked, info.event_shape, examples, info.sizes[0], info.condition, info.groups
    )
    check_support(checked, vae, info)
    return Built(checked, vae, objective, data)


def check(
    spec: Spec, overrides: Sequence[str] = (), plugins: Sequence[str | Path] = (), registry: Registry | None = None
) -> Built:
    """Check a spec, build its model and take one training step on two examples of zeros; no data is fetched.

    Raises:
        SpecError: with all problems of the spec.
        UserError: nothing is left to train, or the objective does not train all of that.
        TrainingError: a variable is used but not owned by the model, or owned but not used.
    """
    built = prepare(spec, overrides, plugins, registry, fetch=False)
    built.freeze()
    losses = partial(built.objective, built.vae, built.vae.zeros(2), 0, tf.constant(0))
    gradient_step(built.vae, losses, keras.optimizers.SGD(0.0))
    return built


def build(
    spec: Spec,
    event_shape: Shape | None = None,
    plugins: Sequence[str | Path] = (),
    condition: Condition | None = None,
    data: object = None,
) -> VAE:
    """The untrained model of a spec.

    Args:
        spec: a TOML or JSON file, or a dict.
        event_shape: E, the shape of one example; None for that of the data.
        plugins: files to load as plugins first.
        condition: the columns of the condition, where `event_shape` is given and the model is conditional.
        data: the data, in the place of the spec's [data] table, as `train` takes it. Components that start from
            data, as the pseudo-inputs of a `vamp` prior, get it, or that of the spec; with an `event_shape` there
            is none.

    Raises:
        SpecError: with all problems of the spec.
    """
    if event_shape is None:
        return prepare(spec, plugins=plugins, given=data).vae
    checked = read_plan(spec, plugins=plugins)
    _seed_initial_weights(checked)
    # An objective that counts epochs is checked as if they had one step.
    vae, _ = build_within_memory(
        checked, event_shape, train_examples=checked.train.batch_size, condition=condition
    )
    return vae


def load(run: str | os.PathLike[str], plugins: Sequence[str | Path] = (), registry: Registry | None = None) -> VAE:
    """The trained model of a run, with the weights of its best epoch. No code from the folder is executed.

    Args:
        run: the run's folder.
        plugins: files to load as plugins first, where the run's spec names components from them.
        registry: where names are looked up; None for the default one.

    Raises:
        UserError: the folder holds no run, or its spec names a component that is not installed.
        CheckpointError: no checkpoint is valid, or it is of another model.
    """
    _, built, _ = load_run(run, plugins=plugins, registry=registry)
    return built.vae


def load_run(
    folder: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    registry: Registry | None = None,
    given: object = None,
) -> tuple[Run, Built, Checkpoint]:
    """A run, its trained model, and the checkpoint of the weights; see `load` and `prepare`. No data is read."""
    path = find_run(folder)
    run = Run(path, read(path).tables)
    environment = run.environment
    try:
        checked = read_plan(path, _with_given(overrides, given), plugins, registry, needs_data=True)
    except SpecError as error:
        if not (made_with := environment.made_with):
            raise
        hint = f"It was made with {made_with}. A plugin is code: use those that you trust."
        problem = Problem("plugins", "the plugins of the run", "others", hint, str(path))
        raise SpecError([*error.problems, problem]) from error
    was = environment.data
    shape, checkpoint = was.event_shape, _best(run)
    with _no_larger_than(checkpoint):
        vae, objective = build_model(checked, shape, placeholder(shape), was.sizes[0], was.condition, was.groups)
    built = Built(checked, vae, objective, SpecData.of(checked, was.condition, was.fitted, given))
    restore(checkpoint, vae)
    return run, built, checkpoint


@contextmanager
def _no_larger_than(checkpoint: Checkpoint) -> Iterator[None]:
    """Stop building a model before it takes much more memory than the weights that it is to get.

    Raises:
        CheckpointError: it does.
    """
    limit = checkpoint.weights.stat().st_size + _BESIDES
    try:
        with variables_within(limit):
            yield
    except TooLargeError as error:
        raise CheckpointError(
            f"{checkpoint.weights} is of another model: it has {readable(limit - _BESIDES)}, and the model of the "
            f"spec has {error.what}."
        ) from error


_BESIDES = 2**27
"""The most bytes of a model's variables that are not saved, as states of random number generators."""


def load_examples(
    folder: str | os.PathLike[str],
    selection: Selection,
    plugins: Sequence[str | Path] = (),
    registry: Registry | None = None,
) -> tuple[Run, Built, Checkpoint, Data]:
    """A run, its trained model, the checkpoint of the weights, and the data to use it on.

    Args:
        folder: the run's folder.
        selection: which examples.
        plugins: files to load as plugins first.
        registry: where names are looked up; None for the default one.

    Raises:
        UserError: the run's data has changed since the training, and nothing says that this is meant; the model
            does not take other data; or there is no such split.
    """
    run, built, checkpoint = load_run(folder, selection.settings, plugins, registry, selection.given)
    data = built.data.loaded
    selection.splits(data)
    if selection.of_other_data:
        for note in _ignored(run, built.plan, registry or registries.default()):
            warnings.warn(note, DataWarning, stacklevel=2)
    if selection.compared:
        fix = "To use the new data, add --allow-other-data; for data of your choice, use --data FILE."
        run.check_data(DataRecord.of(data), fix)
    else:
        if data.info.event_shape != built.vae.event_shape:
            raise UserError(
                f"data: expected examples of shape {list(built.vae.event_shape)}, as the run {run.folder}; got "
                f"{list(data.info.event_shape)}. Reshape them."
            )
        check_support(built.plan, built.vae, data.info)
    built.vae.check_condition(data.info.condition)
    if built.vae.classifier is None:
        data.check_conditions(selection.splits(data))
    return run, built, checkpoint, data


def _ignored(run: Run, plan: Plan, registry: Registry) -> Iterator[str]:
    """The settings of a run's data that other data cannot have, unless they are paths or defaults.

    A run that learnt something of its data applies that instead.
    """
    was, now = run.spec["data"], plan.dataset
    if run.environment.data.fitted or was["use"] == now.use or ("dataset", was["use"]) not in registry:
        return
    for name, parameter in Signature.of(registry["dataset", was["use"]].load()).plain.items():
        changed = name in was and not parameter.is_path and show(was[name]) != show(parameter.default)
        if changed and name not in now.filled():
            yield f"data.{name} = {show(was[name])} is ignored: {now.use!r} has no such parameter."


def restore_best(run: Run, vae: VAE) -> Checkpoint:
    """Give a model the weights of a run's best epoch, and warn of the checkpoints that were skipped."""
    checkpoint = _best(run)
    restore(checkpoint, vae)
    return checkpoint


def _best(run: Run) -> Checkpoint:
    """The checkpoint of a run's best epoch; the checkpoints that were skipped are warned of."""
    checkpoint, errors = best_checkpoint(run.checkpoints, run.identity)
    for error in errors:
        warnings.warn(f"{error} {checkpoint.folder} is used instead.", CheckpointWarning, stacklevel=3)
    return checkpoint


def read_plan(
    spec: Spec,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    registry: Registry | None = None,
    needs_data: bool = False,
) -> Plan:
    """The checked plan of a spec, its plugins loaded first.

    Raises:
        SpecError: with all problems of the spec.
    """
    registry = registry or registries.default()
    load_plugins(registry, plugins)
    return plan(read(spec).override(overrides), registry, needs_data)


def _with_given(overrides: Sequence[str], given: object) -> Sequence[str]:
    """The overrides, and that of the dataset if data is given in Python."""
    return overrides if given is None else ["data.use=given", *overrides]


def _seed_initial_weights(checked: Plan) -> None:
    """Make initial weights a function of [train] seed, by Keras', TensorFlow's, NumPy's and Python's."""
    keras.utils.set_random_seed(checked.train.seed)

"""From a spec to a model, and from a run's folder back to its trained model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import keras
import tensorflow as tf

from probvae import registry as registries
from probvae.core import VAE, Shape, gradient_step
from probvae.errors import CheckpointWarning, Problem, SpecError
from probvae.registry import Registry
from probvae.runs.folder import Run, find_run
from probvae.runs.plugins import load_plugins
from probvae.specs import (
    Assembly,
    Plan,
    Source,
    assemble,
    assemble_in_memory,
    check_support,
    data_source,
    placeholder,
    plan,
    read,
)
from probvae.training import Checkpoint, best_checkpoint, restore

Spec: TypeAlias = str | Path | Mapping[str, Any]
"""A TOML or JSON file, or the same as a dict."""


class Prepared(NamedTuple):
    """A checked spec with everything built from it but the data loaded.

    Args:
        plan: the checked spec.
        assembly: the model and the objective.
        source: the data, and what it is.
    """

    plan: Plan
    assembly: Assembly
    source: Source


def prepare(
    spec: Spec, overrides: Sequence[str] = (), plugins: Sequence[str | Path] = (), registry: Registry | None = None
) -> Prepared:
    """Check a spec, build its model and hold the data's values against its likelihood.

    Args:
        spec: a TOML or JSON file, or a dict.
        overrides: `key.path=value` settings that go before the spec's own.
        plugins: files to load as plugins first.
        registry: where names are looked up; the default one if not given.

    Raises:
        SpecError: with everything that is wrong.
    """
    checked = _planned(spec, overrides, plugins, registry)
    source = data_source(checked)
    info = source.info
    seed_initial_weights(checked)
    built = assemble_in_memory(checked, info.event_shape, source.examples, info.sizes[0])
    check_support(checked, built.vae, info)
    return Prepared(checked, built, source)


def check(
    spec: Spec, overrides: Sequence[str] = (), plugins: Sequence[str | Path] = (), registry: Registry | None = None
) -> tuple[Plan, VAE]:
    """Check a spec, build its model and take one training step on two examples of zeros; no data is fetched.

    Raises:
        SpecError: with everything that is wrong.
        TrainingError: a variable is left out of training, or used and not owned.
    """
    checked = _planned(spec, overrides, plugins, registry)
    info = data_source(checked).info
    vae, objective, _ = assemble_in_memory(checked, info.event_shape, placeholder(info.event_shape), info.sizes[0])
    check_support(checked, vae, info)
    x = tf.zeros((2, *info.event_shape))
    gradient_step(vae, lambda: objective(vae, x, 0, tf.constant(0)), keras.optimizers.SGD(0.0))
    return checked, vae


def build(spec: Spec, event_shape: Shape | None = None, plugins: Sequence[str | Path] = ()) -> VAE:
    """The untrained model of a spec.

    Args:
        spec: a TOML or JSON file, or a dict.
        event_shape: E, where the spec names no data that says it.
        plugins: files to load as plugins first.

    Raises:
        SpecError: with everything that is wrong.
    """
    if event_shape is None:
        return prepare(spec, plugins=plugins).assembly.vae
    checked = _planned(spec, plugins=plugins)
    seed_initial_weights(checked)
    return assemble_in_memory(checked, event_shape).vae


def _planned(
    spec: Spec, overrides: Sequence[str] = (), plugins: Sequence[str | Path] = (), registry: Registry | None = None
) -> Plan:
    """The checked plan of a spec, its plugins loaded first."""
    registry = registry or registries.default()
    load_plugins(registry, plugins)
    return plan(read(spec).override(overrides), registry)


def seed_initial_weights(checked: Plan) -> None:
    """Make initial weights a function of [train] seed, by Keras', TensorFlow's, NumPy's and Python's."""
    keras.utils.set_random_seed(checked.setting("train").seed)


def load(run: str | Path, plugins: Sequence[str | Path] = (), registry: Registry | None = None) -> VAE:
    """The trained model of a run, with the weights of its best epoch. No code from the folder is executed.

    Args:
        run: the run's folder.
        plugins: files to load as plugins first, where the run's spec names components from them.
        registry: where names are looked up; the default one if not given.

    Raises:
        UserError: the folder holds no run, or its spec names what is not installed.
        CheckpointError: no checkpoint is usable, or it is of another model.
    """
    return restored(run, plugins=plugins, registry=registry).vae


class Restored(NamedTuple):
    """A run with its trained model.

    Args:
        vae: the model, with the weights of the checkpoint.
        run: the run.
        plan: its checked spec.
        checkpoint: the one of the best epoch, or what was taken in its place.
    """

    vae: VAE
    run: Run
    plan: Plan
    checkpoint: Checkpoint


def restored(
    folder: str | Path,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    registry: Registry | None = None,
) -> Restored:
    """A run with its trained model; see `load`."""
    path = find_run(folder)
    run = Run(path, read(path).tables)
    environment = run.environment
    try:
        checked = _planned(path, overrides, plugins, registry)
    except SpecError as error:
        if environment.plugins:
            files = " ".join(f"--plugin {file}" for file in environment.plugins)
            hint = Problem(
                "plugins", "the plugins of the run", "another set", f"It was made with {files}.", str(path)
            )
            raise SpecError([*error.problems, hint]) from error
        raise
    shape, (train_size, *_) = environment.data.event_shape, environment.data.sizes
    vae = assemble(checked, shape, placeholder(shape), train_size).vae
    return Restored(vae, run, checked, restore_best(run, vae))


def restore_best(run: Run, vae: VAE) -> Checkpoint:
    """Give a model the weights of a run's best epoch, and say what was passed over on the way."""
    checkpoint, complaints = best_checkpoint(run.checkpoints, run.identity)
    for complaint in complaints:
        warnings.warn(f"{complaint} {checkpoint.folder} is taken instead.", CheckpointWarning, stacklevel=2)
    restore(checkpoint, vae)
    return checkpoint

"""The work behind the command line and the Python front door: build, train, load, evaluate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import Progress

from probvae import registry as registries
from probvae.core import VAE, Array, Data, Shape, gradient_step
from probvae.errors import Problem, SpecError, UserError
from probvae.evaluation import Bounds, bounds
from probvae.registry import Registry
from probvae.report import draw
from probvae.runs.folder import Run, find_run, free_folder, versions, write
from probvae.runs.plugins import load_plugins
from probvae.runs.listeners import MetricsLog, PluginHooks, TensorBoard, Terminal
from probvae.spec import Assembly, Plan, Source, assemble, check_support, data_source, plan, read
from probvae.training import Trainer, best_checkpoint, restore

Spec = str | Path | Mapping[str, Any]


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
    registry = registry or registries.default()
    load_plugins(registry, plugins)
    checked = plan(read(spec).override(overrides), registry)
    source = data_source(checked)
    info = source.info
    built = assemble(checked, info.event_shape, lambda: source.data.train.intensities(), info.sizes[0])
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
    registry = registry or registries.default()
    load_plugins(registry, plugins)
    checked = plan(read(spec).override(overrides), registry)
    info = data_source(checked).info
    vae, objective, _ = assemble(checked, info.event_shape, _placeholder(info.event_shape), info.sizes[0])
    check_support(checked, vae, info)
    gradient_step(vae, objective, keras.optimizers.SGD(0.0), tf.zeros((2, *info.event_shape)), 0, tf.constant(0))
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
    registry = registries.default()
    load_plugins(registry, plugins)
    return assemble(plan(read(spec), registry), event_shape).vae


def train(
    spec: Spec,
    out: str | Path | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    console: Console | None = None,
    registry: Registry | None = None,
) -> Run:
    """Train the model of a spec, measure it on the test data and draw it.

    Args:
        spec: a TOML or JSON file, a dict, or the folder of a run.
        out: the folder of the run; runs/NAME after the spec's file if not given.
        resume: go on from the folder's newest checkpoint instead of refusing a folder that is there.
        overrides: `key.path=value` settings that go before the spec's own.
        plugins: files to load as plugins first.
        console: where to print; the standard output if not given.
        registry: where names are looked up; the default one if not given.

    Returns:
        The run, finished.

    Raises:
        UserError: the spec, the folder or the data are not as they should be.
        WorkError: training failed; the last good checkpoint is there.
    """
    console = console or Console(highlight=False)
    registry = registry or registries.default()
    if not isinstance(spec, Mapping) and Path(spec).is_dir():
        folder = find_run(spec)
        spec, out = folder / "spec.toml", out or folder
    prepared = prepare(spec, overrides, plugins, registry)
    checked, (vae, objective, _), source = prepared
    for note in checked.notes:
        console.print(f"note: {note}", markup=False)
    run = _open(checked, _stem(spec), out, resume)
    data = source.data
    run.create(data.info, {"plugins": [str(Path(path).resolve()) for path in plugins]})

    _announce(console, run, prepared)
    hooks = PluginHooks(registry, run)
    hooks.notify("probvae_run_started")
    status = "failed"
    try:
        settings = checked.setting("train")
        with Terminal(console, settings.epochs) as terminal:
            listeners = [MetricsLog(run), TensorBoard(run.tensorboard), hooks, terminal]
            trainer = Trainer(vae, objective, data, settings, run.checkpoints, listeners)
            if not (resume and trainer.resume()):
                run.metrics_file.unlink(missing_ok=True)
            trainer.train()
        restore(best_checkpoint(run.checkpoints)[0], vae)
        measure(run, vae, data, checked, console)
        paint(run, vae, data, console)
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        hooks.notify("probvae_run_ended", status=status)
    return run


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
    return restored(run, plugins, registry)[0]


def restored(
    folder: str | Path, plugins: Sequence[str | Path] = (), registry: Registry | None = None
) -> tuple[VAE, Run, Plan]:
    """The trained model of a run, the run, and its plan; see `load`."""
    registry = registry or registries.default()
    load_plugins(registry, plugins)
    path = find_run(folder)
    document = read(path / "spec.toml")
    run = Run(path, document.tables)
    environment = run.environment
    try:
        checked = plan(document, registry)
    except SpecError as error:
        if environment.get("plugins"):
            files = " ".join(f"--plugin {file}" for file in environment["plugins"])
            hint = Problem("plugins", "the plugins of the run", "another set", f"It was made with {files}.", str(path))
            raise SpecError([*error.problems, hint]) from error
        raise
    shape = tuple(environment["data"]["event_shape"])
    vae = assemble(checked, shape, _placeholder(shape), environment["data"]["sizes"][0]).vae
    checkpoint, _ = best_checkpoint(run.checkpoints)
    restore(checkpoint, vae)
    return vae, run, checked


def evaluate(
    folder: str | Path,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    console: Console | None = None,
) -> dict[str, Any]:
    """Measure a run's best weights on the test data again, and write its evaluation.json.

    Args:
        folder: the run's folder.
        overrides: settings of the [evaluate] table, as `evaluate.samples=5000`.
        plugins: files to load as plugins first.
        console: where to print; the standard output if not given.
    """
    vae, run, checked = restored(folder, plugins)
    if overrides:
        checked = plan(read(run.spec_file).override(overrides), registries.default())
    return measure(run, vae, data_source(checked).data, checked, console or Console(highlight=False))


def measure(run: Run, vae: VAE, data: Data, checked: Plan, console: Console) -> dict[str, Any]:
    """Both bounds on the test data, printed and written to evaluation.json."""
    settings = checked.setting("evaluate")
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring on the test data", total=len(data.test))
        found = bounds(
            vae, data.test, settings.samples, settings.seed, settings.batch_size,
            lambda done, total: bar.update(task, completed=done),
        )  # fmt: skip
    checkpoint, _ = best_checkpoint(run.checkpoints)
    record = {
        "split": "test",
        "unit": "nats per example",
        "protocol": data.info.protocol,
        "checkpoint": checkpoint.folder.name,
        "epoch": checkpoint.state["epoch"],
        **{name: asdict(estimate) for name, estimate in found._asdict().items()},
    }
    write(run.evaluation_file, json.dumps(record, indent=2) + "\n")
    _tell(console, found, record)
    return record


def paint(run: Run, vae: VAE, data: Data, console: Console) -> None:
    """Draw the run's figures."""
    with console.status("drawing"):
        drawn = draw(vae, data, run.metrics(), run.figures, seed=run.spec["train"]["seed"])
    console.print(f"Figures:    {run.figures}/ ({', '.join(path.stem for path in drawn.written)})", soft_wrap=True)
    for name, reason in drawn.left_out.items():
        console.print(f"            without {name}: {reason}", soft_wrap=True)


def _placeholder(event_shape: Shape) -> Callable[[], Array]:
    """Examples for components that start from data, where the data itself does not matter."""
    return lambda: np.zeros((1, *event_shape), np.float32)


def _stem(spec: Spec) -> str:
    return "run" if isinstance(spec, Mapping) else Path(spec).stem


def _open(checked: Plan, name: str, out: str | Path | None, resume: bool) -> Run:
    """The run's folder: a new one, or one that may be resumed."""
    spec = checked.filled() | {"versions": versions()}
    folder = Path(out) if out else Path("runs") / name if resume else free_folder(name)
    if not (folder.exists() and any(folder.iterdir())):
        if resume:
            raise UserError(f"{folder}: expected a run to resume; found none. Leave --resume out, or name it with --out.")
        return Run(folder, spec)
    if not resume:
        raise UserError(f"{folder} is there already. Add --resume to go on with it, or choose another with --out.")
    before = read(find_run(folder) / "spec.toml").tables
    changed = [f"{path} is {old!r} there and {new!r} here" for path, old, new in _differences(before, spec)]
    if changed:
        raise UserError(
            f"{folder} is the run of another spec: {'; '.join(changed)}. Only train.epochs, train.patience and "
            "[evaluate] may change when a run is resumed. Choose another folder with --out."
        )
    return Run(folder, spec)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    """Where two specs differ, but for what may change when a run is resumed."""
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        path, before, after = prefix + key, old.get(key), new.get(key)
        if path in ("versions", "evaluate", "train.epochs", "train.patience") or before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += _differences(before, after, f"{path}.")
        else:
            found.append((path, before, after))
    return found


def _announce(console: Console, run: Run, prepared: Prepared) -> None:
    """What is about to be trained, on what, and which choices are in force."""
    checked, (vae, _, choices), source = prepared
    info = source.info
    parts = {path[-1]: part.use for path, part in checked.components.items()}
    count = sum(int(np.prod(variable.shape)) for variable in vae.trainable_variables)
    names = [f"{parts[kind]} {kind}" for kind in ("encoder", "decoder", "prior")]
    train_size, validation_size, test_size = info.sizes
    decided = ", ".join(f"{name} {choice}" for name, choice in choices.items())
    lines = [
        f"Model:      {', '.join(names)}; {vae.latent_dim} latents, {count:,} parameters",
        f"Objective:  {parts['objective']}" + (f" ({decided})" if decided else ""),
        f"Data:       {parts['data']}: {train_size:,} training, {validation_size:,} validation, {test_size:,} test examples",
        f"            {info.protocol}",
        f"Run:        {run.folder}",
        "Losses are in nats per example; * marks the best validation loss so far.",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _tell(console: Console, found: Bounds, record: Mapping[str, Any]) -> None:
    elbo, weighted = found
    lines = [
        f"Test data, weights of epoch {record['epoch']} (nats per example, mean ± standard error over "
        f"{elbo.examples:,} examples; {record['protocol']}):",
        f"  evidence lower bound             {elbo}",
        f"  log-likelihood, {weighted.samples} importance samples {' ' * (5 - len(str(weighted.samples)))}{weighted}",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)

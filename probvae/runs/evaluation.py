"""The evaluation of a trained run: numbers on the test data, and figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from probvae.core import VAE, Data, Table
from probvae.errors import UserError
from probvae.evaluation import bounds
from probvae.registry import Registry
from probvae.report import draw
from probvae.runs.console import print_evaluation
from probvae.runs.folder import Run, write
from probvae.runs.loading import load_run
from probvae.specs import Plan
from probvae.training import Checkpoint


def evaluate(
    folder: str | Path,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    console: Console | None = None,
    registry: Registry | None = None,
) -> Table:
    """Evaluate a run's best weights on the test data again, and write its evaluation.json.

    Args:
        folder: the run's folder.
        overrides: settings of the [evaluate] table, as `evaluate.samples=5000`.
        plugins: files to load as plugins first.
        console: where to print; None for the standard output.
        registry: where names are looked up; None for the default one.

    Raises:
        UserError: an override is of another table, so that the numbers would not be of this run.
    """
    if others := [setting for setting in overrides if not setting.startswith("evaluate.")]:
        raise UserError(f"Expected settings of the [evaluate] table only; got {', '.join(others)}.")
    run, built, checkpoint = load_run(folder, overrides, plugins, registry)
    return measure(run, built.vae, built.data.loaded, built.plan, checkpoint, console or Console(highlight=False))


def measure(
    run: Run,
    vae: VAE,
    data: Data,
    plan: Plan,
    checkpoint: Checkpoint,
    console: Console,
    callback: Callable[[], None] = lambda: None,
) -> Table:
    """Both bounds on the test data with a checkpoint's weights, printed and written to evaluation.json.

    Args:
        run: where the numbers are written.
        vae: the model, with the weights of the checkpoint.
        data: the data; its test split is used.
        plan: the checked spec, with the settings of [evaluate].
        checkpoint: where the weights are from.
        console: where to print.
        callback: called after each batch of examples; it may raise to stop.
    """
    settings = plan.evaluate
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring on the test data", total=len(data.test))

        def progress(done: int, _: int) -> None:
            bar.update(task, completed=done)
            callback()

        found = bounds(vae, data.test, settings.samples, settings.seed, settings.batch_size, progress)
    record = {
        "split": "test",
        "unit": "nats per example",
        "protocol": data.info.protocol,
        "settings": asdict(settings),
        "checkpoint": checkpoint.folder.name,
        "epoch": checkpoint.state.epoch,
        **{name: asdict(estimate) for name, estimate in found._asdict().items()},
    }
    write(run.evaluation_file, json.dumps(record, indent=2) + "\n")
    print_evaluation(console, found, record)
    console.print(f"            written to {run.evaluation_file}", markup=False, soft_wrap=True)
    return record


def reason_to_keep(run: Run, plan: Plan, checkpoint: Checkpoint) -> str:
    """Why a run need not be evaluated again: its evaluation is of the same weights, with as many samples or more.

    Returns:
        The reason in a sentence; empty if there is no such evaluation.
    """
    wanted = plan.evaluate.samples
    try:
        record = json.loads(run.evaluation_file.read_text(encoding="utf-8"))
        name, samples = record["checkpoint"], int(record["settings"]["samples"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    if name != checkpoint.folder.name or samples < wanted:
        return ""
    return (
        f"Test data:  evaluated already, with {samples:,} samples (the spec has {wanted:,}): "
        f"{run.evaluation_file} is kept. `probvae evaluate {run.folder}` evaluates again."
    )


def draw_figures(run: Run, vae: VAE, data: Data, console: Console) -> None:
    """Draw the run's figures."""
    with console.status("drawing"):
        drawn = draw(vae, data, run.metrics(), run.figures, seed=run.spec["train"]["seed"])
    names = ", ".join(path.stem for path in drawn.written)
    console.print(f"Figures:    {run.figures}/ ({names})", markup=False, soft_wrap=True)
    for name, reason in drawn.left_out.items():
        console.print(f"            without {name}: {reason}", markup=False, soft_wrap=True)

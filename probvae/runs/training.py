"""The main job: train the model of a spec, measure it, draw it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from probvae import registry as registries
from probvae.errors import Interrupted
from probvae.registry import Registry
from probvae.runs.folder import Run, find_run, open_run, versions
from probvae.runs.listeners import MetricsLog, PluginHooks, TensorBoard
from probvae.runs.lock import locked
from probvae.runs.measuring import measure, paint
from probvae.runs.models import Spec, prepare, restore_best
from probvae.runs.signals import asked_to_stop
from probvae.runs.starting import freeze, start_from
from probvae.runs.terminal import Terminal, announce
from probvae.training import Trainer


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
        KeyboardInterrupt: a signal came; the run is saved, and resuming it goes on with the very next step.
    """
    console = console or Console(highlight=False)
    registry = registry or registries.default()
    if not isinstance(spec, Mapping) and Path(spec).is_dir():
        spec = find_run(spec)
        out = out or spec
    prepared = prepare(spec, overrides, plugins, registry)
    checked, (vae, objective, choices), source = prepared
    here = versions()
    other = [
        f"{name} {was}, here {here.get(name)}" for name, was in checked.versions.items() if was != here.get(name)
    ]
    if other:
        console.print(f"note: the spec was filled with other versions: {'; '.join(other)}.", markup=False)
    for note in checked.notes:
        console.print(f"note: {note}", markup=False)
    settings = checked.setting("train")
    freeze(vae, settings.freeze)
    run = open_run(checked.filled(), _stem(spec), out, resume)
    with locked(run.folder):
        start = (
            start_from(settings.init_from, vae, settings.freeze) if settings.init_from and not run.begun else None
        )
        data = source.data
        run.create(data.info, plugins, choices, start.origin if start else None)
        announce(console, run.folder, prepared)
        if start:
            console.print(start.told, markup=False, soft_wrap=True)
        hooks = PluginHooks(registry, run)
        hooks.notify("probvae_run_started")
        status = "failed"
        try:
            with Terminal(console, settings.epochs) as terminal:
                listeners = [MetricsLog(run), TensorBoard(run.tensorboard), hooks, terminal]
                trainer = Trainer(vae, objective, data, settings, run.checkpoints, listeners, run.identity)
                if not (resume and trainer.resume()):
                    run.metrics_file.unlink(missing_ok=True)
                with asked_to_stop(trainer.stop, console) as asked:
                    finished = trainer.train()
            if not finished:
                raise Interrupted(asked.signal_number or signal.SIGINT)
            measure(run, vae, data, checked, restore_best(run, vae), console)
            paint(run, vae, data, console)
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            console.print(f"Go on with: probvae train {run.folder} --resume", markup=False, soft_wrap=True)
            raise
        finally:
            hooks.notify("probvae_run_ended", status=status)
    return run


def _stem(spec: Spec) -> str:
    return "run" if isinstance(spec, Mapping) else Path(spec).stem

"""The main job: train the model of a spec, measure it, draw it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from probvae import registry as registries
from probvae.errors import Interrupted, UserError, WorkError, explained_errors
from probvae.registry import Registry
from probvae.runs.folder import Run, find_run, open_run, versions
from probvae.runs.listeners import MetricsLog, PluginHooks, TensorBoard
from probvae.runs.lock import locked
from probvae.runs.measuring import measure, measured, paint
from probvae.runs.models import Prepared, Spec, prepare, restore_best
from probvae.runs.signals import Asked, listening
from probvae.runs.starting import Start, freeze, start_from
from probvae.runs.terminal import Terminal, announce
from probvae.specs import Plan
from probvae.training import Callback, Devices, Trainer, select_devices


def train(
    spec: Spec,
    out: str | Path | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    console: Console | None = None,
    registry: Registry | None = None,
    devices: int = 0,
) -> Run:
    """Train the model of a spec, measure it on the test data and draw it.

    Where the environment variable TF_CONFIG names a cluster, this process is one of its workers: all of them
    train, and the chief alone prints, saves, measures and draws.

    Args:
        spec: a TOML or JSON file, a dict, or the folder of a run.
        out: the folder of the run; runs/NAME after the spec's file if not given.
        resume: go on from the folder's newest checkpoint, where there is one, instead of refusing a folder that
            has some.
        overrides: `key.path=value` settings that go before the spec's own.
        plugins: files to load as plugins first.
        console: where to print; the standard output if not given.
        registry: where names are looked up; the default one if not given.
        devices: how many of this machine share the work; 0 takes all GPUs, or the CPU.

    Returns:
        The run, finished.

    Raises:
        UserError: the spec, the folder or the data are not as they should be.
        WorkError: training failed; the last good checkpoint is there.
        KeyboardInterrupt: a signal came; the run is saved, and resuming it goes on with the very next step.
    """
    here = select_devices(devices)
    console = (console or Console(highlight=False)) if here.chief else Console(quiet=True)
    registry = registry or registries.default()
    if not isinstance(spec, Mapping) and Path(spec).is_dir():
        spec = find_run(spec)
        out = out or spec
    if here.workers > 1 and out is None:
        raise UserError("Several workers: expected a folder that all of them know; got none. Name it with --out.")
    asked = Asked(console)
    with listening(asked), explained_errors():
        with here.strategy.scope():  # where variables are made for all devices
            prepared = prepare(spec, overrides, plugins, registry)
        asked.check()
        checked = prepared.plan
        for note in [*_other_versions(checked), *checked.notes]:
            console.print(f"note: {note}", markup=False)
        if here.chief:
            run = open_run(checked.filled(), _stem(spec), out, resume)
            if resume and not run.begun:
                note = f"note: {run.folder} has no checkpoint to resume from; training starts anew."
                console.print(note, markup=False, soft_wrap=True)
            _lead(run, prepared, here, resume, plugins, console, registry, asked)
        else:
            run = Run(Path(str(out)), checked.filled())
            _taken_over(run, prepared)
            _fit(run, prepared, here, resume, asked)
    return run


def _lead(
    run: Run,
    prepared: Prepared,
    here: Devices,
    resume: bool,
    plugins: Sequence[str | Path],
    console: Console,
    registry: Registry,
    asked: Asked,
) -> None:
    """Do the work of the chief: train, measure, draw, and write all of it to the run's folder."""
    with locked(run.folder):
        start = _taken_over(run, prepared)
        run.create(prepared.source.data.info, plugins, prepared.assembly.choices, start.origin if start else None)
        announce(console, run.folder, prepared, here)
        if start:
            console.print(start.told, markup=False, soft_wrap=True)
        hooks = PluginHooks(registry, run)
        hooks.notify("probvae_run_started")
        status = "failed"
        try:
            with Terminal(console, prepared.plan.setting("train").epochs) as terminal:
                callbacks = [MetricsLog(run), TensorBoard(run.tensorboard), hooks, terminal]
                _fit(run, prepared, here, resume, asked, callbacks)
            vae, data = prepared.assembly.vae, prepared.source.data
            checkpoint = restore_best(run, vae)
            if kept := measured(run, prepared.plan, checkpoint):
                console.print(kept, markup=False, soft_wrap=True)
            else:
                measure(run, vae, data, prepared.plan, checkpoint, console, asked.check)
            paint(run, vae, data, console)
            asked.check()
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            console.print(f"Go on with: probvae train {run.folder} --resume", markup=False, soft_wrap=True)
            raise
        except (OSError, UserError) as error:
            if run.spec_file.exists():
                raise
            raise WorkError(f"{run.folder} was removed during the training. Start it again.") from error
        finally:
            hooks.notify("probvae_run_ended", status=status)


def _fit(
    run: Run, prepared: Prepared, here: Devices, resume: bool, asked: Asked, callbacks: Sequence[Callback] = ()
) -> None:
    """Train, until the training is finished.

    Raises:
        Interrupted: a signal asked to stop before, and what is done is saved.
    """
    vae, objective, _ = prepared.assembly
    settings, data = prepared.plan.setting("train"), prepared.source.data
    identity = run.identity if run.environment_file.exists() else ""
    with here.strategy.scope():
        trainer = Trainer(vae, objective, data, settings, run.checkpoints, callbacks, identity)
        if resume:
            trainer.resume()
        asked.stop = trainer.stop  # before the check: a signal between the two would be lost
        asked.check()
        finished = trainer.train()
    if not finished:
        raise Interrupted(asked.signal_number or signal.SIGINT)


def _taken_over(run: Run, prepared: Prepared) -> Start | None:
    """Weights from another run, where the spec names one and this run has none of its own yet."""
    settings = prepared.plan.setting("train")
    freeze(prepared.assembly.vae, settings.freeze)
    if not settings.init_from or run.begun:
        return None
    return start_from(settings.init_from, prepared.assembly.vae, settings.freeze)


def _other_versions(checked: Plan) -> list[str]:
    here = versions()
    other = [
        f"{name} {was}, here {here.get(name)}" for name, was in checked.versions.items() if was != here.get(name)
    ]
    return [f"the spec was filled with other versions: {'; '.join(other)}."] if other else []


def _stem(spec: Spec) -> str:
    return "run" if isinstance(spec, Mapping) else Path(spec).stem

"""The main job: train the model of a spec, evaluate it, draw its figures, write its report."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from probvae import registry as registries
from probvae.data.feeding.splits import labelled
from probvae.errors import Interrupted, UserError, WorkError, explained_errors
from probvae.registry import Registry
from probvae.runs.callbacks import MetricsLog, PluginHooks, TensorBoard
from probvae.runs.compare_with import compared_model
from probvae.runs.console import Terminal, print_summary
from probvae.runs.environment import DataRecord, versions
from probvae.runs.evaluation import draw_figures, measure, record_evaluation, samples_as_planned
from probvae.runs.folder import Run, find_run, open_run
from probvae.runs.initial_weights import initial_weights
from probvae.runs.loading import Built, Spec, prepare, restore_best
from probvae.runs.lock import locked
from probvae.runs.metrics import checked_metrics, data_for
from probvae.runs.reporting import LiveReport, try_report
from probvae.runs.requirements import required
from probvae.runs.signals import StopRequest, listening
from probvae.specs import Plan
from probvae.training import Callback, Compilation, Devices, Trainer, select_devices


def train(
    spec: Spec,
    out: str | Path | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    console: Console | None = None,
    registry: Registry | None = None,
    devices: int = 0,
    allow_other_data: bool = False,
    data: object = None,
    report: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Train the model of a spec, evaluate it on the test data, draw its figures and write its report.

    Where the environment variable TF_CONFIG names a cluster, this process is one of its workers: all of them
    train, and the chief alone prints, saves, evaluates and draws.

    Args:
        spec: a TOML or JSON file, a dict, or the folder of a run.
        out: the folder of the run; None for runs/NAME after the spec's file.
        resume: continue from the newest checkpoint of the folder, if it has one, instead of raising if it has.
        overrides: `key.path=value` settings that override the spec.
        plugins: files to load as plugins first.
        console: where to print; None for the standard output.
        registry: where names are looked up; None for the default one.
        devices: how many devices of this machine share each batch; 0 for all GPUs, or the CPU.
        allow_other_data: whether a resumed run may continue on data that differs from its own.
        data: the data, in the place of the spec's [data] table: an array [N, *E], a pair of it and labels [N], a
            pandas.DataFrame, a finite tf.data.Dataset, a dataset or `Data`. What uses the run later needs data
            too.
        report: whether to write the run's report after each epoch too, and not only at the end.
        callbacks: called as the training proceeds, after the run's own.

    Returns:
        The finished run.

    Raises:
        UserError: the spec, the folder or the data is wrong.
        WorkError: training failed; the last good checkpoint is kept.
        KeyboardInterrupt: a signal came; the run is saved, and resuming it continues with the next step.
    """
    here = select_devices(devices)
    console = (console or Console(highlight=False)) if here.chief else Console(quiet=True)
    registry = registry or registries.default()
    if not isinstance(spec, Mapping) and Path(spec).is_dir():
        spec = find_run(spec)
        out = out or spec
    if here.workers > 1 and out is None:
        raise UserError("Several workers: expected a folder that all of them know; got none. Name it with --out.")
    stop = StopRequest(console)
    with listening(stop), explained_errors():
        with here.strategy.scope():  # where variables are created for all devices
            built = prepare(spec, overrides, plugins, registry, given=data)
        stop.check()
        for note in [*_other_versions(built.plan), *built.plan.notes]:
            console.print(f"note: {note}", markup=False, soft_wrap=True)
        _check_labels(built)
        built.freeze()
        run = _open(built.plan, spec, out, resume, here.chief)
        if here.chief and resume and not run.begun:
            note = f"note: {run.folder} has no checkpoint to resume from; training starts from the beginning."
            console.print(note, markup=False, soft_wrap=True)
        start = initial_weights(run, built.vae, built.plan.train, built.data.loaded)
        exchanges = built.objective.couples_rows and here.strategy.num_replicas_in_sync > 1
        compilation = Compilation.of(built.plan.train.jit, built.vae, exchanges)
        if not here.chief:
            _fit(run, built, here, compilation, resume, stop, console)
            return run
        record = DataRecord.of(built.data.loaded)
        _check_before(run, built, record, allow_other_data, registry)
        with locked(run.folder):
            choices, origin = built.choices | {"jit": str(compilation)}, start.origin if start else None
            run.create(record, plugins, choices, origin, required(built.plan, registry))
            print_summary(console, run.folder, built, here, compilation)
            if start:
                console.print(start.summary, markup=False, soft_wrap=True)
            hooks = PluginHooks(registry, run)
            with _recorded(run, hooks, console, _how_to_resume(run, plugins, data)):
                records: list[Callback] = [MetricsLog(run), TensorBoard(run.tensorboard), hooks]
                records += [LiveReport(run, registry)] if report else []
                records += callbacks
                _fit(run, built, here, compilation, resume, stop, console, records)
                _report(run, built, here.of_this_process, console, stop, registry)
    return run


def _check_labels(built: Built) -> None:
    """Check that labels are missing only where the objective, and the evaluation after it, can do without.

    Raises:
        ConfigError: others are missing.
    """
    data = built.data.loaded
    if built.objective.classifier:
        labelled({"test": data.test}, built.vae.condition_dim)
    else:
        data.check_conditions(("train", "validation", "test"))


def _check_before(run: Run, built: Built, record: DataRecord, allow_other_data: bool, registry: Registry) -> None:
    """Check what would otherwise fail at the end, before anything in the folder is written.

    Raises:
        UserError: the data is not that of a run that is resumed, and nothing says that this is meant; or the run
            to compare with cannot be compared.
        SpecError: a metric cannot be used with the model and the data.
    """
    if run.begun and not allow_other_data:
        run.check_data(record, "To continue on the new data, add --allow-other-data.")
    compared_model(run, record, built.vae, built.plan.evaluate, registry)
    checked_metrics(built.plan, built.vae, data_for(built.vae, built.data.loaded, built.data.loaded.test))


def _open(plan: Plan, spec: Spec, out: str | Path | None, resume: bool, chief: bool) -> Run:
    """The run of a plan; the chief alone looks at what its folder holds."""
    if not chief:
        return Run(Path(str(out)), plan.filled())
    return open_run(plan.filled(), "run" if isinstance(spec, Mapping) else Path(spec).stem, out, resume)


def _fit(
    run: Run,
    built: Built,
    here: Devices,
    compilation: Compilation,
    resume: bool,
    stop: StopRequest,
    console: Console,
    records: Sequence[Callback] = (),
) -> None:
    """Train, until the training is finished.

    Raises:
        Interrupted: a signal came; the steps so far are saved.
    """
    settings, data = built.plan.train, built.data.loaded
    identity = run.identity if run.environment_file.exists() else ""
    with Terminal(console, settings.epochs) as terminal, here.strategy.scope():
        callbacks = [*records, terminal]
        made = (built.vae, built.objective, data, settings, run.checkpoints)
        trainer = Trainer(*made, callbacks, identity, compilation)
        if resume:
            trainer.resume()
        stop.stop = trainer.stop  # before the check: a signal between the two would be lost
        stop.check()
        finished = trainer.train()
    if not finished:
        raise Interrupted(stop.signal_number or signal.SIGINT)


def _report(
    run: Run, built: Built, here: Devices, console: Console, stop: StopRequest, registry: Registry
) -> None:
    """Evaluate the weights of the best epoch, draw the figures, and write the report."""
    vae, data = built.vae, built.data.loaded
    checkpoint = restore_best(run, vae)
    if before := samples_as_planned(run, checkpoint, built.plan):
        wanted = built.plan.evaluate.samples
        console.print(
            f"Test data:  evaluated already, with {before:,} samples (the spec has {wanted:,}): "
            f"{run.evaluation_file} is kept.",
            markup=False,
            soft_wrap=True,
        )
    else:
        with here.strategy.scope():
            other = compared_model(run, run.environment.data, vae, built.plan.evaluate, registry)
        found = measure(vae, data, built.plan, checkpoint, console, here, other=other, callback=stop.check)
        record_evaluation(run, checkpoint, *found, console)
    draw_figures(run, vae, data, console)
    if written := try_report(run, registry):
        console.print(f"Report:     {written}", markup=False, soft_wrap=True)
    stop.check()


@contextmanager
def _recorded(run: Run, hooks: PluginHooks, console: Console, advice: str) -> Iterator[None]:
    """Notify the plugins of the start and the end of a run, and give advice if it is interrupted.

    Raises:
        WorkError: the folder was removed.
    """
    hooks.notify("probvae_run_started")
    status = "failed"
    try:
        yield
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        console.print(advice, markup=False, soft_wrap=True)
        raise
    except (OSError, UserError) as error:
        if run.spec_file.exists():
            raise
        raise WorkError(f"{run.folder} was removed during the training. Start it again.") from error
    finally:
        hooks.notify("probvae_run_ended", status=status)


def _how_to_resume(run: Run, plugins: Sequence[str | Path], data: object) -> str:
    """How to continue a run that is interrupted: by a command, unless its data is in this process alone."""
    if data is not None:
        return "Resume with the same call and resume=True."
    loaded = [part for file in plugins for part in ("--plugin", str(file))]
    return f"Resume with: {shlex.join(['probvae', 'train', str(run.folder), '--resume', *loaded])}"


def _other_versions(plan: Plan) -> list[str]:
    here = versions()
    other = [
        f"{name} {was}, here {here.get(name)}" for name, was in plan.versions.items() if was != here.get(name)
    ]
    return [f"the spec was filled with other versions: {'; '.join(other)}."] if other else []

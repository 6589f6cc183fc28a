"""The main job: train all trials of a sweep, or the rest of them, and write its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from probvae import registry as registries
from probvae.errors import UserError
from probvae.registry import Registry
from probvae.runs.loading import Spec
from probvae.runs.plugins import load_plugins
from probvae.runs.reporting import try_sweep_report
from probvae.runs.sweeps.defining import check_plans, define
from probvae.runs.sweeps.definition import Definition, enter, is_sweep, read_definition
from probvae.runs.sweeps.display import Display
from probvae.runs.sweeps.grid import Grid
from probvae.runs.sweeps.processes import run_processes
from probvae.runs.sweeps.ranges import Interval
from probvae.runs.sweeps.results import Sweep, results
from probvae.runs.sweeps.search import Search
from probvae.runs.sweeps.source import ENDED, Source
from probvae.runs.sweeps.storage import open_storage, optuna, storage_errors
from probvae.runs.sweeps.work import train_all


def sweep(
    spec: Spec,
    over: Mapping[str, Sequence[Any]] | None = None,
    search: Mapping[str, Sequence[Any] | Interval] | None = None,
    trials: int | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    storage: str = "",
    console: Console | None = None,
    registry: Registry | None = None,
    data: object = None,
) -> Sweep:
    """Train the model of a spec with every combination of values, or search for the best ones.

    Every point of a grid is checked before anything is trained. Called again with the same arguments after it was
    stopped or killed, it trains what is not finished, each training from its newest checkpoint. What fails is left
    out, with its reason in the results; a grid tries it again with the next call. Several processes on machines
    that share the folder may call it at once.

    Args:
        spec: a TOML or JSON file, a dict, the folder of a run, or that of a sweep to continue.
        over: for a grid: the values by key, as `{"objective.beta": [0.5, 1], "train.seed": range(5)}`.
        search: for a search by Optuna, which minimises the validation loss: the values to choose from, or an
            `Interval`, by key.
        trials: how many trials a search has, with those of earlier calls. Default: as many as before, or 30.
        out: the folder; None for sweeps/NAME after the spec's file.
        jobs: how many processes train at once on this machine.
        overrides: `key.path=value` settings of all trials.
        plugins: files to load as plugins first.
        storage: where the study of a search is: a URL as Optuna takes it, or a journal file; "" for a journal file
            in the folder.
        console: where to print; None for the standard output.
        registry: where names are looked up; None for the default one.
        data: the data, in the place of the spec's [data] table, as `train` takes it.

    Returns:
        The results, best first.

    Raises:
        UserError: the spec is wrong at one of the points, a parameter cannot be swept, the folder belongs to
            another sweep, or Optuna is not installed.
        TemporaryError: this machine failed, and not the settings: a disk is full, or a storage is gone.
        WorkError: a process died.
        KeyboardInterrupt: a signal came; the trainings are saved.
    """
    console = console or Console(highlight=False)
    registry = registry or registries.default()
    if jobs > 1 and data is not None:
        raise UserError(f"jobs: expected 1 with data in Python, which other processes do not have; got {jobs}.")
    continued = not isinstance(spec, Mapping) and is_sweep(spec)
    with console.status("checking the settings"):
        if continued:
            if over or search or overrides or out:
                raise UserError(
                    f"{spec}: expected no other parameters with the folder of a sweep, which has its own; got "
                    "some. Leave them out, or give the spec and a new folder (--out)."
                )
            folder = Path(str(spec))
            definition = read_definition(folder)
            load_plugins(registry, [*definition.plugins, *plugins])
        else:
            if search:
                optuna()  # which is missed before anything is checked
            definition = define(spec, over or {}, search or {}, overrides, plugins, storage, registry, data)
            folder = Path(out) if out else Path("sweeps") / _name(spec)
        _check_options(definition, trials, storage)
        definition = enter(folder, replace(definition, trials=trials or 0))
    with storage_errors():
        source = open_source(folder, definition, storage)
        if isinstance(source, Grid):
            source.retry()
        left = source.total - sum(record.ended is not None for record in source.records())
        jobs = min(jobs, max(left, 1))
        if continued and left:
            check_plans(definition, registry, data)  # the file of its definition may have been edited
        found = results(folder, definition, source)
        console.print(_introduction(found, source.total, jobs), markup=False, soft_wrap=True)
        with Display(console, source.total, found.trials) as display:

            def update() -> None:
                """Show the trials that have ended since, and renew the report."""
                if display.is_new(source.records()):
                    display.update(_reported(folder, definition, source).trials)

            try:
                if jobs > 1:
                    run_processes(folder, jobs, storage, update)
                else:
                    train_all(definition, source, registry, data, display.started, update)
            except KeyboardInterrupt:
                console.print("Stopped. The same command continues.")
                raise
            finally:
                found = _reported(folder, definition, source)
    return found


def _name(spec: Spec) -> str:
    """The name of a sweep: that of the spec's file, without its ending, or of the run."""
    if isinstance(spec, Mapping):
        return "sweep"
    path = Path(spec)
    return path.resolve().name if path.is_dir() else path.stem


def _reported(folder: Path, definition: Definition, source: Source) -> Sweep:
    """The results so far, of which the report is written."""
    found = results(folder, definition, source)
    try_sweep_report(asdict(found), definition.spec, folder / "report.html")
    return found


def work(folder: Path, storage: str) -> None:
    """Train trials of the sweep in a folder, as one of several processes that another one has started."""
    definition, registry = read_definition(folder), registries.default()
    load_plugins(registry, definition.plugins)
    with storage_errors():
        train_all(definition, open_source(folder, definition, storage), registry)


def open_source(folder: Path, definition: Definition, storage: str) -> Source:
    """The trials of a sweep.

    Raises:
        UserError: Optuna is not installed, or its storage cannot be used.
    """
    return Grid(folder, definition) if definition.over else Search(folder, definition, storage)


def _check_options(definition: Definition, trials: int | None, storage: str) -> None:
    """Check the options that are of searches only, and that a storage can be opened.

    Raises:
        UserError: they are given with a grid, or the storage is missing or cannot be used.
    """
    if definition.over and trials is not None:
        raise UserError("--trials: expected it with --search only; a grid has as many trials as combinations.")
    if definition.over and storage:
        raise UserError("--storage: expected it with --search only; a grid needs its folder alone.")
    if definition.storage and not storage:
        raise UserError(f"expected --storage, as the study is in {definition.storage}; got none.")
    if storage:
        open_storage(storage)


def _introduction(before: Sweep, total: int, jobs: int) -> str:
    done = sum(trial.status in ENDED for trial in before.trials)
    again = sum(trial.status == "interrupted" for trial in before.trials)
    parts = [f"{total} trial{'s' * (total != 1)} of {', '.join(before.parameters)}"]
    parts += [f"{done} have ended already"] if done else []
    parts += [f"{again} continue from their checkpoints"] if again else []
    parts += [f"{jobs} at once"] if jobs > 1 else []
    return f"Sweep:      {before.folder}: {'; '.join(parts)}."

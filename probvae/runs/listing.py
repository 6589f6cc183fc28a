"""The runs in a folder: what each is, how far it is, and how good."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from probvae.core import Table
from probvae.data.files.folders import walk
from probvae.errors import UserError
from probvae.report.findings import finished
from probvae.report.numbers import numbers
from probvae.report.series import best
from probvae.report.words import parts, table_of
from probvae.runs.folder import Run
from probvae.runs.lock import is_in_use
from probvae.specs import read

Status: TypeAlias = Literal["finished", "interrupted", "running", "damaged"]


@dataclass(frozen=True)
class Listed:
    """A run in a list.

    Args:
        folder: its path.
        status: "finished", with an evaluation; "running", while a process has it; "interrupted", before its end;
            or "damaged", if a file cannot be read or there is no checkpoint.
        data: the name of its dataset.
        model: its networks, posterior, prior and objective, by name.
        epochs: the number of finished epochs.
        best_epoch: that of the lowest validation loss; None before the first.
        best_loss: that loss, in nats per example.
        bound: the importance-weighted bound on log p(x) of its evaluation, in nats per example, if it has one.
        standard_error: of that bound.
        size: of all its files, in bytes.
        changed: when its metrics or its spec were last written, in local time, to the second.
        problem: what is damaged; empty if nothing is.
    """

    folder: str
    status: Status
    data: str
    model: str
    epochs: int
    best_epoch: int | None
    best_loss: float | None
    bound: float | None
    standard_error: float | None
    size: int
    changed: str
    problem: str


def list_runs(folder: str | os.PathLike[str]) -> list[Listed]:
    """The runs in a folder and in all folders below it, links to folders included, by path.

    Raises:
        UserError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"{root}: expected a folder of runs; got no such folder. `probvae train` makes runs/.")
    return [list_run(path) for path in sorted(_runs(root))]


def _runs(root: Path) -> Iterator[Path]:
    """The folders of runs; none is looked for in a run."""
    for path, folders, files in walk(root):
        if {"spec.toml", "environment.json"} <= set(files):
            yield path
            folders.clear()


def list_run(folder: Path) -> Listed:
    """The run in a folder, which has a spec.toml and an environment.json."""
    run = Run(folder, {})
    problem, rows, evaluation = "", list[dict[str, float]](), dict[str, Any]()
    try:
        run.spec = read(folder).tables
        _ = run.environment  # which raises if it is damaged
        rows, evaluation = run.metrics(), run.evaluation()
    except UserError as error:
        problem = str(error)
    if not problem and rows and not run.begun:
        problem = f"{run.checkpoints}: expected a checkpoint; got none."
    bound, standard_error = _bound(evaluation)
    lowest = best(rows)
    complete = bool(evaluation) and finished(rows, run.spec)
    status: Status = "finished" if complete else "interrupted"
    status = "damaged" if problem else "running" if is_in_use(folder) else status
    changed = max(path.stat().st_mtime for path in (run.spec_file, run.metrics_file) if path.exists())
    return Listed(
        folder=str(folder),
        status=status,
        data=str(table_of(run.spec, "data").get("use", "")),
        model=_model(run.spec),
        epochs=int(rows[-1]["epoch"]) if rows else 0,
        best_epoch=int(lowest.epoch) if lowest else None,
        best_loss=lowest.loss if lowest else None,
        bound=bound,
        standard_error=standard_error,
        size=folder_size(folder),
        changed=f"{datetime.fromtimestamp(changed):%Y-%m-%d %H:%M:%S}",
        problem=problem,
    )


def folder_size(folder: Path) -> int:
    """The size of all files, in bytes; those that a training removes meanwhile do not count."""
    size = 0
    for path, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                size += os.stat(os.path.join(path, name)).st_size
    return size


def _bound(evaluation: Table) -> tuple[float | None, float | None]:
    """The importance-weighted bound and its standard error, where an evaluation has them."""
    for number in numbers(evaluation):
        if number.path == "importance_weighted" and isinstance(number.value, float):
            return number.value, number.error
    return None, None


def _model(spec: Mapping[str, object]) -> str:
    """The latents and the names of a model's parts, in one line."""
    names = [part.name for part in parts(spec, {}) if part.role not in ("objective", "data")]
    return f"{table_of(spec, 'model').get('latent_dim', '?')} latents, {', '.join(names)}" if names else ""

"""Pages: the report of a run, from its folder at any time, and the comparison of several runs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probvae import registry as registries
from probvae.core import Table
from probvae.errors import ReportWarning, explained
from probvae.registry import Registry
from probvae.runs.folder import Run, find_run
from probvae.runs.results import writing
from probvae.specs import read
from probvae.training import Callback, Epoch

if TYPE_CHECKING:
    from probvae.report.page import Facts


def write_report(run: str | os.PathLike[str], registry: Registry | None = None) -> Path:
    """Write the report of a run: one HTML file with all that its folder knows.

    Args:
        run: the run, or its folder.
        registry: where the components are described; None for the default one.

    Returns:
        The file, `report.html` in the run's folder.

    Raises:
        UserError: the folder holds no run, a file in it is damaged, or the report cannot be written.
    """
    from probvae.report.page import render  # with Jinja2, whose failure must not stop a training

    folder = find_run(run)
    found = Run(folder, read(folder).tables)
    text = render(facts_of(found), registry or registries.default())
    with writing(found.report_file, "Report a copy of the run.") as place:
        place.write_text(text, encoding="utf-8")
    return found.report_file


def facts_of(run: Run) -> Facts:
    """What pages on a run are made from.

    Raises:
        UserError: a file in its folder is damaged.
    """
    from probvae.report.page import Facts

    environment = asdict(run.environment)
    condition = run.environment.data.condition
    columns = [] if condition is None or condition.one_hot else [column.name for column in condition.columns]
    data = environment.pop("data") | {"condition": str(condition or ""), "columns": columns}
    return Facts(
        folder=str(run.folder),
        spec=run.spec,
        environment=environment,
        data=data,
        rows=run.metrics(),
        evaluation=run.evaluation(),
        figures=run.figures,
    )


def write_comparison(found: Mapping[str, Any], path: Path) -> None:
    """Write the comparison of runs as one HTML file.

    Args:
        found: as `compare` returns it, of runs whose folders are there.
        path: the file.

    Raises:
        UserError: the file cannot be written.
    """
    from probvae.report.comparison import ComparedRun, render_comparison

    runs = [Run(Path(row["run"]), read(row["run"]).tables) for row in found["runs"]]
    text = render_comparison(found, [ComparedRun(run.spec, run.metrics(), run.figures) for run in runs])
    with writing(path, "Choose another with --html.") as place:
        place.write_text(text, encoding="utf-8")


def try_sweep_report(found: Mapping[str, Any], spec: Table, path: Path) -> None:
    """Write the report of a sweep as one HTML file; one that cannot be written is a warning.

    Args:
        found: the results of the sweep.
        spec: the spec as written, without the swept settings.
        path: the file, in the folder of the sweep.
    """
    from probvae.report.sweep import render_sweep

    try:
        with writing(path) as place:
            place.write_text(render_sweep(found, spec), encoding="utf-8")
    except Exception as error:
        warnings.warn(
            f"{path} was not written: {explained(error)}. The runs are not affected; "
            f"`probvae sweep {path.parent}` tries again.",
            ReportWarning,
            stacklevel=2,
        )


def try_report(run: Run, registry: Registry | None = None) -> Path | None:
    """Write the report of a run; one that cannot be written is a warning."""
    try:
        return write_report(run, registry)
    except Exception as error:
        warnings.warn(
            f"{run.report_file} was not written: {explained(error)}. The run itself is not affected; "
            f"`probvae report {run.folder}` tries again.",
            ReportWarning,
            stacklevel=2,
        )
        return None


class LiveReport(Callback):
    """Writes the report after each epoch, with the numbers and curves so far."""

    def __init__(self, run: Run, registry: Registry) -> None:
        self.run = run
        self.registry = registry

    def epoch_ended(self, epoch: Epoch) -> None:
        """Write the report, whose last row is this epoch's."""
        try_report(self.run, self.registry)

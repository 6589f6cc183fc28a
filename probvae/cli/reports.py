"""Looking at runs: report, compare, runs."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from probvae.cli.options import json_option, run_argument
from probvae.cli.printing import print_failure, print_json, print_text
from probvae.cli.start import ModelCommand
from probvae.cli.tables import aligned

if TYPE_CHECKING:
    from probvae.core import Table
    from probvae.runs.listing import Listed

_COLOURS = {"finished": "green", "running": "blue", "interrupted": "yellow", "damaged": "red"}
_COLUMNS = ("run", "status", "data", "epochs", "best", "loss", "log p(x)", "size", "changed", "model")
_COMPARED = ("run", "log p(x)", "difference", "ELBO", "samples", "parameters", "best epoch", "trained")


@click.command(cls=ModelCommand)
@run_argument
@click.option("--open", "opened", is_flag=True, help="Show it in the browser.")
def report(run: Path, opened: bool) -> None:
    """Write report.html in the folder of RUN: its numbers, curves, pictures and diagnosis on one page.

    The file needs nothing else, and can be sent or stored alone. `probvae train` writes it at the end.
    """
    from probvae.runs import write_report

    written = write_report(run)
    print_text(str(written))
    if opened:
        click.launch(written.resolve().as_uri())


@click.command(cls=ModelCommand)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="A new .png file for a figure of the differences.")
@click.option("--html", type=click.Path(path_type=Path), help="A new .html file for a page with the curves too.")
@json_option
def compare(runs: tuple[Path, ...], out: Path | None, html: Path | None, as_json: bool) -> None:
    """Compare runs on the same data by the numbers of their evaluations.

    Differences are from the first RUN: means over the same test examples, in nats, with their standard errors,
    which are much smaller than those of the bounds. `probvae train` and `probvae evaluate` keep what they need in
    evaluation.npz; use the same --samples for all runs.
    """
    from probvae.runs import compare as compare_runs
    from probvae.runs.reporting import write_comparison
    from probvae.runs.results import check_new

    check_new(html, [".html"], "--html")
    found = compare_runs(runs, out)
    if html is not None:
        write_comparison(found, html)
    if as_json:
        print_json(found)
        return
    differences = [None, *(difference["importance_weighted"] for difference in found["differences"])]
    rows = [_compared(row, difference) for row, difference in zip(found["runs"], differences, strict=True)]
    for number, cells in enumerate(aligned([_COMPARED, *rows])):
        print_text("  ".join(cells).rstrip(), bold=number == 0)
    for note in found["notes"]:
        print_text(f"note: {note}")
    for written in (out, html):
        if written is not None:
            print_text(str(written))


@click.command(cls=ModelCommand)
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--data", metavar="NAME", help="Only runs on this dataset: one of `probvae data list`.")
@click.option("--status", type=click.Choice(list(_COLOURS)), help="Only runs of this status.")
@click.option(
    "--sort",
    type=click.Choice(["run", "bound", "size", "changed"]),
    default="run",
    show_default=True,
    help="Sort by path, bound (highest first), size (largest first) or time of change (newest first).",
)
@json_option
def runs(folder: Path, data: str | None, status: str | None, sort: str, as_json: bool) -> None:
    """List the runs in DIR, by default in runs/, and in all folders below it.

    The columns: finished epochs, the best one, its validation loss in nats per example; the importance-weighted
    bound on log p(x) ± its standard error, of the test data; the size of all files; when it was last trained. Runs
    are comparable where their data and protocol are the same.
    """
    from probvae.runs.listing import list_runs

    found = [run for run in list_runs(folder) if data in (None, run.data) and status in (None, run.status)]
    order = {
        "run": lambda run: run.folder,
        "bound": lambda run: math.inf if run.bound is None else -run.bound,
        "size": lambda run: -run.size,
        "changed": lambda run: run.changed,
    }
    found.sort(key=order[sort], reverse=sort == "changed")
    if as_json:
        print_json([asdict(run) for run in found])
    elif not found:
        print_text(f"No such run is in {folder}.")
    else:
        _print(found)


def _print(runs: list[Listed]) -> None:
    """A line for each run, in columns; what is damaged is said at the end."""
    rows = [_COLUMNS, *map(_row, runs)]
    for number, (row, cells) in enumerate(zip(rows, aligned(rows), strict=True)):
        cells[1] = click.style(cells[1], fg=_COLOURS.get(row[1]))
        print_text("  ".join(cells).rstrip(), bold=number == 0)
    for run in runs:
        if run.problem:
            print_failure(f"damaged: {run.problem}")


def _compared(row: Table, difference: Table | None) -> tuple[str, ...]:
    from probvae.report.numbers import with_error

    def shown(number: Table) -> str:
        return with_error(number["value"], number["standard_error"])

    return (
        row["run"],
        shown(row["importance_weighted"]),
        "" if difference is None else shown(difference),
        shown(row["elbo"]),
        f"{row['samples']:,}",
        f"{row['parameters']:,}",
        f"{row['best_epoch']} of {row['epochs']}",
        f"{row['training_seconds'] / 60:,.1f} min",
    )


def _row(run: Listed) -> tuple[str, ...]:
    from probvae.report.numbers import with_error

    return (
        run.folder,
        run.status,
        run.data,
        str(run.epochs),
        "" if run.best_epoch is None else str(run.best_epoch),
        "" if run.best_loss is None else f"{run.best_loss:.2f}",
        "" if run.bound is None else with_error(run.bound, run.standard_error),
        f"{run.size / 1e6:.1f} MB",
        run.changed,
        run.model,
    )


COMMANDS = [report, compare, runs]

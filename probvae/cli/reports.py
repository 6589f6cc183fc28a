"""Looking at runs: report."""

from __future__ import annotations

from pathlib import Path

import click

from probvae.cli.options import run_argument
from probvae.cli.start import ModelCommand


@click.command(cls=ModelCommand)
@run_argument
@click.option("--open", "opened", is_flag=True, help="Show it in the browser.")
def report(run: Path, opened: bool) -> None:
    """Write report.html in the folder of RUN: its numbers, curves, pictures and diagnosis on one page.

    The file needs nothing else, and can be sent or stored alone. `probvae train` writes it at the end.
    """
    from probvae.runs import write_report

    written = write_report(run)
    click.echo(str(written))
    if opened:
        click.launch(written.resolve().as_uri())


COMMANDS = [report]

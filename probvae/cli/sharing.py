"""Sharing runs by the Hugging Face Hub: push, pull."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from probvae.cli.options import json_option, run_argument
from probvae.cli.printing import print_json, print_text, verbosity
from probvae.cli.start import ModelCommand


@click.command(cls=ModelCommand)
@run_argument
@click.argument("repository", metavar="USER/NAME")
@click.option("--public", is_flag=True, help="Make a new repository public. Default: private.")
@click.option(
    "--resumable", is_flag=True, help="Push the newest checkpoint and the optimizer's state too, for resuming."
)
@json_option
def push(run: Path, repository: str, public: bool, resumable: bool, as_json: bool) -> None:
    """Push RUN to the Hugging Face Hub, with a model card made from its numbers.

    It pushes the spec, the environment, the curves, the numbers, the figures and the best weights. The card is
    README.md in the run's folder: it is written anew unless you have edited it, and then pushed as it is.
    """
    from probvae.runs import push as push_run
    from probvae.runs.sharing import CARD

    pushed = push_run(run, repository, public, resumable, progress=verbosity() != "quiet")
    if as_json:
        print_json(pushed._asdict())
        return
    print_text(f"{pushed.address}: {len(pushed.files)} files")
    print_text(
        f"card: {run / CARD}, {'as you edited it' if pushed.own_card else 'written now'}; edit it, and push again"
    )
    if pushed.plugins:
        print_text(f"note: it needs plugins that are not pushed: {', '.join(pushed.plugins)}")
    if pushed.paths:
        print_text(f"note: the spec has paths of this machine, which readers see: {', '.join(pushed.paths)}")


@click.command(cls=ModelCommand)
@click.argument("repository", metavar="USER/NAME")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@json_option
def pull(repository: str, folder: Path | None, as_json: bool) -> None:
    """Pull a run from the Hugging Face Hub into DIR, a new folder, by default runs/NAME.

    Only the files of a run are fetched: arrays, TOML, JSON, pictures and the card. None of them is executed.
    """
    from probvae.runs import pull as pull_run

    pulled = pull_run(repository, folder, progress=verbosity() != "quiet")
    if as_json:
        print_json({"folder": str(pulled.folder), "missing": pulled.missing})
        return
    print_text(str(pulled.folder))
    for name, source in pulled.missing.items():
        print_text(" ".join(f"note: it needs {name} of {source}, which is not installed".split()))
    print_text(f"Next: probvae sample {shlex.quote(str(pulled.folder))}")


COMMANDS = [push, pull]

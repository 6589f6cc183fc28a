"""What can be done with a spec before training, beside checking it: fill."""

from __future__ import annotations

from pathlib import Path

import click

from probvae.cli.options import plugin_option, set_option, spec_argument
from probvae.cli.start import ModelCommand
from probvae.registry import default
from probvae.runs.plugins import load_plugins


@click.command(cls=ModelCommand)
@spec_argument
@set_option
@plugin_option
def fill(spec: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Print SPEC with every default written out."""
    import tomli_w

    from probvae.specs import plan, read

    load_plugins(default(), plugins)
    checked = plan(read(spec).override(overrides), default())
    for note in checked.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(tomli_w.dumps(checked.filled()), nl=False)


COMMANDS = [fill]

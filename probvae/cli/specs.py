"""What can be done with a spec before training: check, fill."""

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
def check(spec: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Check SPEC: every name and value, whether the model builds, and whether each variable is trained.

    All problems are told at once, each with its line. No data is fetched.
    """
    from probvae.runs import check as check_spec

    plan, vae = check_spec(spec, overrides, plugins)
    for note in plan.notes:
        click.echo(f"note: {note}")
    parts = ", ".join(f"{path[-1]} {part.use}" for path, part in plan.components.items())
    click.echo(f"{spec} is right: {parts}; {vae.latent_dim} latents, examples of shape {list(vae.event_shape)}.")


@click.command(cls=ModelCommand)
@spec_argument
@set_option
@plugin_option
def fill(spec: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Print SPEC with every default written out."""
    import tomli_w

    from probvae.spec import plan, read

    load_plugins(default(), plugins)
    checked = plan(read(spec).override(overrides), default())
    for note in checked.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(tomli_w.dumps(checked.filled()), nl=False)


COMMANDS = [check, fill]

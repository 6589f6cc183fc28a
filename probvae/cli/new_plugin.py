"""The command new-plugin."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import click

from probvae import __version__
from probvae.registry import default
from probvae.scaffold import PluginNames, render, write


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder to make. Default: ./probvae-NAME."
)
def new_plugin(name: str, out: Path | None) -> None:
    """Write a package that brings a prior of its own to probvae: a plugin to begin from.

    NAME is the namespace of what the plugin gives, in lower case: after `probvae new-plugin tails`, specs say
    `tails.student_t`. Words are joined by dashes; heavy-tails is `heavy_tails` where Python reads it.

    The package installs and passes its tests as it is written. It holds a Student-t prior with learned locations
    and scales, its entry point, a test of the prior's contract, and a workflow that lints and tests it. Replace
    the prior by your own component, or add to it.

    Only a new or an empty folder is written to. For a single file in place of a package, see --plugin of
    `probvae train`.
    """
    names = PluginNames.of(name, _claimed())
    folder = out or Path(names.distribution)
    files = render(names, __version__)
    write(files, folder)
    for line in [*_tree(folder, files), *_next(folder, names)]:
        click.echo(line)


def _claimed() -> dict[str, str]:
    """Every namespace that is taken, and who has it; the built-in ones without what is put before them."""
    return {
        plugin.name.removeprefix("probvae."): f"{plugin.source} {plugin.version}".strip()
        for plugin in default().plugins
    }


def _tree(folder: Path, files: Iterable[str]) -> list[str]:
    """The files below their folders, indented."""
    lines = [f"{folder}/"]
    seen = set()
    for path in map(PurePosixPath, files):
        for parent in reversed(path.parents[:-1]):
            if parent not in seen:
                seen.add(parent)
                lines.append(f"{'  ' * len(parent.parts)}{parent.name}/")
        lines.append(f"{'  ' * len(path.parts)}{path.name}")
    return lines


def _next(folder: Path, names: PluginNames) -> list[str]:
    return [
        "",
        "Next:",
        f"  cd {shlex.quote(str(folder))}",
        "  pip install -e '.[dev]'",
        "  pytest",
        "",
        "In a spec, once it is installed:",
        "  [model.prior]",
        f'  use = "{names.namespace}.student_t"',
    ]


COMMANDS = [new_plugin]

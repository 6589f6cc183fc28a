"""The command new-plugin."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import click

from probvae import __version__
from probvae.cli.printing import print_text
from probvae.registry import default
from probvae.scaffold import PLACES, Example, PluginNames, render, write


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(list(PLACES)),
    default="prior",
    show_default=True,
    help="The kind of the component that the package begins with.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder to make. Default: ./probvae-NAME."
)
def new_plugin(name: str, kind: str, out: Path | None) -> None:
    """Write a package with a component of its own for probvae: the start of a plugin.

    NAME is the namespace of its components, in lower case: after `probvae new-plugin tails`, specs say
    `tails.student_t`. Words are joined by dashes; heavy-tails is `heavy_tails` in Python.

    The package installs and passes its tests as it is. It has a small component of the KIND (a Student-t prior by
    default), its entry point, its tests, with the contract kit where the kind has one, and a workflow that lints
    and tests it. Replace the component by your own, or add to it.

    The folder must be new or empty. A single file instead of a package is used with --plugin of `probvae train`.
    """
    names = PluginNames.of(name, _claimed())
    folder = out or Path(names.distribution)
    files = render(names, __version__, kind)
    write(files, folder)
    for line in [*_tree(folder, files), *_next(folder, names, Example.of(kind))]:
        print_text(line)


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


def _next(folder: Path, names: PluginNames, example: Example) -> list[str]:
    lines = example.in_a_spec(f"{names.namespace}.{example.name}").splitlines()
    return [
        "",
        "Next:",
        f"  cd {shlex.quote(str(folder))}",
        "  pip install -e '.[dev]'",
        "  pytest",
        "",
        "In a spec, once it is installed:",
        *(f"  {line}" for line in lines),
    ]


COMMANDS = [new_plugin]

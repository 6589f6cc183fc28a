"""Options that several commands take."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from probvae.errors import PluginWarning, did_you_mean
from probvae.registry import default

F = TypeVar("F", bound=Callable[..., object])


def _disable(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> None:
    registry = default()
    registry.disable(names)
    known = [plugin.name for plugin in registry.plugins] if names else []
    for name in set(names) - set(known):
        warnings.warn(f"No plugin is named {name!r}. {did_you_mean(name, known)}", PluginWarning, stacklevel=2)


def plugin_option(function: F) -> F:
    """--plugin FILE, any number of times."""
    return click.option(
        "--plugin",
        "plugins",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A Python file that brings components of its own, named after the file; may be given again.",
    )(function)


def set_option(function: F) -> F:
    """--set KEY=VALUE, any number of times."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override the spec, as model.prior.components=32 or data.use=fashion_mini; may be given again.",
    )(function)


disable_option = click.option(
    "--disable-plugin",
    multiple=True,
    expose_value=False,
    is_eager=True,  # before any plugin is imported for its commands
    callback=_disable,
    metavar="NAME",
    help="Do not load this installed plugin; may be given again. See `probvae plugins`.",
)

spec_argument = click.argument("spec", type=click.Path(path_type=Path))
run_argument = click.argument("run", type=click.Path(path_type=Path))

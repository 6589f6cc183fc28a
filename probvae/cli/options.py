"""Options that several commands take."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from probvae.cli.printing import VERBOSITY, reserve_output
from probvae.errors import PluginWarning, did_you_mean
from probvae.registry import DISABLE, default

F = TypeVar("F", bound=Callable[..., object])


def _set_verbosity(ctx: click.Context, parameter: click.Parameter, chosen: bool) -> None:
    if chosen:
        ctx.meta[VERBOSITY] = parameter.name


def verbosity_options(function: F) -> F:
    """--quiet and --verbose."""
    for name, text in (
        ("verbose", "Show tracebacks of errors, and the notes and warnings of libraries too."),
        ("quiet", "Print warnings and errors only."),
    ):
        option = click.option(
            f"--{name}", is_flag=True, expose_value=False, is_eager=True, callback=_set_verbosity, help=text
        )
        function = option(function)
    return function


other_data_option = click.option(
    "--allow-other-data",
    is_flag=True,
    help="Accept data that differs from that of the run, for example because a file has changed.",
)


def _reserve_output(ctx: click.Context, _: click.Parameter, chosen: bool) -> bool:
    if chosen:
        reserve_output(ctx)
    return chosen


json_option = click.option("--json", "as_json", is_flag=True, callback=_reserve_output, help="Print JSON.")


def _disable(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> None:
    registry = default()
    registry.disable(names)
    if names:  # also in the processes that this one starts
        os.environ[DISABLE] = ",".join([*filter(None, [os.environ.get(DISABLE)]), *names])
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
        help="A Python file that defines components; its name is their namespace. May be repeated.",
    )(function)


def set_option(function: F) -> F:
    """--set KEY=VALUE, any number of times."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override the spec, for example model.prior.components=32 or data.use=fashion_mini. May be repeated.",
    )(function)


disable_option = click.option(
    "--disable-plugin",
    multiple=True,
    expose_value=False,
    is_eager=True,  # before any plugin is imported for its commands
    callback=_disable,
    metavar="NAME",
    help="Do not load this installed plugin. May be repeated. See `probvae plugins`.",
)

spec_argument = click.argument("spec", type=click.Path(path_type=Path))
run_argument = click.argument("run", type=click.Path(path_type=Path))

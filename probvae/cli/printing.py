"""What commands print: text for people, which --quiet leaves out, and documents for programs."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

VERBOSITY = "probvae.verbosity"
"""The key of "quiet" or "verbose" in a context's `meta`, which all commands of a call share."""

_OUTPUT = "probvae.output"
"""The key of the standard output, if that is for one JSON document and all else goes to the standard error."""

_CONTROL = re.compile("\x1b(?!\\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that steer a terminal or turn the direction of a text; line ends and colours are left."""


def verbosity() -> str:
    """What was chosen: "quiet", "verbose", or "" for neither."""
    ctx = click.get_current_context(silent=True)
    return str(ctx.meta.get(VERBOSITY, "")) if ctx else ""


def reserve_output(ctx: click.Context) -> None:
    """From now on keep the standard output of a command for JSON: what a component prints is not part of it."""
    ctx.meta[_OUTPUT] = sys.stdout
    ctx.with_resource(redirect_stdout(sys.stderr))


def print_json(value: object) -> None:
    """Print a value as JSON, in which numbers that are not finite are null."""
    click.echo(json.dumps(_finite(value), indent=2, default=str), click.get_current_context().meta.get(_OUTPUT))


def print_text(text: str, bold: bool = False, end: bool = True) -> None:
    """Print text, unless only warnings and errors are wanted.

    Args:
        text: one line or several.
        bold: whether it is a heading.
        end: whether the line ends here.
    """
    if verbosity() != "quiet":
        click.secho(harmless(text), bold=bold, nl=end)


def print_failure(text: str) -> None:
    """Print text about a failure that is part of a result; as an error, if only these and warnings are wanted."""
    if verbosity() == "quiet":
        click.echo(harmless(text), err=True)
    else:
        print_text(text)


def progress() -> Console:
    """The console for the progress of a command."""
    from rich.console import Console

    return Console(quiet=verbosity() == "quiet", highlight=False)


def harmless(text: str) -> str:
    r"""A text without what steers a terminal, as names in a run of somebody else may have.

    >>> harmless("a \x1b]0;title\x07 b")
    'a \\x1b]0;title\\x07 b'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value

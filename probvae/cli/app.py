"""The program: its commands, and how it ends."""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NoReturn

import click

from probvae import __version__
from probvae.cli import catalogue, checks, data, new_plugin, reports, runs, sharing, specs, sweeps
from probvae.cli.options import disable_option, verbosity_options
from probvae.cli.printing import harmless, verbosity
from probvae.errors import (
    Interrupted,
    PluginWarning,
    ProbvaeError,
    ProbvaeWarning,
    SpecError,
    TemporaryError,
    UserError,
    WorkError,
)
from probvae.registry import default

EPILOG = """First:  probvae init             (writes first.toml, a spec with comments)

Then:   probvae train first.toml

Exit status: 0 success, 1 failure, 2 invalid input, 75 temporary failure: try again later."""


class Program(click.Group):
    """The built-in commands, and those of plugins, which are added once the options have been read."""

    extended = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        self._extend()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name."""
        self._extend()
        return super().get_command(ctx, name)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            with _verbose() if verbosity() == "verbose" else nullcontext():
                return super().invoke(ctx)
        except Interrupted as error:  # click would take it for Ctrl-C, whatever the signal was
            click.echo("Interrupted.", err=True)
            return 128 + error.signal_number

    def _extend(self) -> None:
        if self.extended:
            return
        self.extended = True
        for failure in default().notify("probvae_cli", app=self):
            warnings.warn(failure, PluginWarning, stacklevel=2)


@click.group(
    cls=Program, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", prog_name="probvae")
@verbosity_options
@disable_option
def app() -> None:
    """Variational autoencoders from interchangeable, checked parts.

    A spec (TOML) names an encoder, a decoder, a prior, an objective and a dataset; `train` turns it into a run
    folder with the trained model, figures and numbers.
    """


for module in (runs, sweeps, reports, sharing, checks, specs, catalogue, data, new_plugin):
    for command in module.COMMANDS:
        app.add_command(command)


def main() -> NoReturn:
    """Run the program and exit with its status.

    0 success, 1 failure, 2 invalid input, 75 temporary failure, 130 or 143 ended by a signal.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes are no news to our users
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        status = app(prog_name="probvae", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except SpecError as error:
        _fail(_table(error), 2)
    except UserError as error:
        _fail(str(error), 2)
    except TemporaryError as error:
        _fail(str(error), 75)
    except WorkError as error:
        _fail(str(error), 1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except OSError as error:  # of the system, where nothing more can be said of the work
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fix = (
            " Make room on the disk, and start the same command again; a training takes --resume." if full else ""
        )
        _fail(f"{error}.{fix}", 1)
    sys.exit(status if isinstance(status, int) else 0)


@contextmanager
def _verbose() -> Iterator[None]:
    """Show what is otherwise left out: warnings of libraries, and the traceback of an error."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    warnings.showwarning = _show_any_warning  # type: ignore[assignment]
    try:
        yield
    except ProbvaeError:
        click.echo(traceback.format_exc(), err=True)
        raise


def _show_any_warning(message: Warning | str, *_: object) -> None:
    click.echo(click.style("warning: ", fg="yellow") + harmless(str(message)), err=True)


def _table(error: SpecError) -> str:
    count = len(error.problems)
    lines = [f"The spec has {count} problem{'s' * (count > 1)}."]
    for problem in error.problems:
        place = f"{problem.where}: " if problem.where else ""
        lines += ["", f"{place}{problem.path}"]
        if problem.expected:
            lines += [f"  expected  {problem.expected}", f"  got       {problem.got}"]
        lines += [f"  {problem.hint}"] if problem.hint else []
    return "\n".join(lines)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(click.style("error: ", fg="red", bold=True) + harmless(message), err=True)
    sys.exit(status)


def _show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    if issubclass(category, ProbvaeWarning):  # others are for developers of the libraries underneath
        click.echo(click.style("warning: ", fg="yellow") + harmless(str(message)), err=True)

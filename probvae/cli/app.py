"""The program: its commands, and how it ends."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any, NoReturn

import click

from probvae import __version__
from probvae.cli import catalogue, data, models, specs
from probvae.cli.options import disable_option
from probvae.errors import PluginWarning, SpecError, UserError, WorkError
from probvae.registry import default

EPILOG = """Begin with:  probvae fill examples/first.toml   (a spec with every default written out)

Then:        probvae train examples/first.toml

Exit status: 0 fine, 1 the work failed, 2 the input is wrong."""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="probvae")
@disable_option
def app() -> None:
    """Variational autoencoders from interchangeable, checked parts.

    A spec (TOML) names an encoder, a decoder, a prior, an objective and a dataset; `train` turns it into a run
    folder with the trained model, figures and numbers.
    """


for module in (models, specs, catalogue, data):
    for command in module.COMMANDS:
        app.add_command(command)


def main() -> NoReturn:
    """Run the program and exit: 0 fine, 1 the work failed, 2 the input is wrong, 130 interrupted."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes are no news to our users
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        failures = default().notify("probvae_cli", app=app)
        for failure in failures:
            warnings.warn(failure, PluginWarning, stacklevel=1)
        app(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except SpecError as error:
        _fail(_table(error), 2)
    except UserError as error:
        _fail(str(error), 2)
    except WorkError as error:
        _fail(str(error), 1)
    except (KeyboardInterrupt, click.Abort):
        _fail("Interrupted. `probvae train` with --resume goes on after the last whole epoch.", 130)
    except BrokenPipeError:  # the reader, as `head`, has seen enough
        sys.stderr.close()
        sys.exit(0)
    sys.exit(0)


def _table(error: SpecError) -> str:
    count = len(error.problems)
    lines = [f"The spec has {count} problem{'s' * (count > 1)}."]
    for problem in error.problems:
        place = f"{problem.where}: " if problem.where else ""
        lines += ["", f"{place}{problem.path}", f"  expected  {problem.expected}", f"  found     {problem.found}"]
        lines += [f"  {problem.hint}"] if problem.hint else []
    return "\n".join(lines)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True)
    sys.exit(status)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    if issubclass(category, PluginWarning):  # others are for developers of the libraries underneath
        click.echo(click.style("warning: ", fg="yellow") + str(message), err=True)

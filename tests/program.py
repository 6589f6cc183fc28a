"""The program, run inside this process: another one would need seconds to import TensorFlow."""

import contextlib
import io
import os
import sys
import traceback
import warnings
from typing import NamedTuple

import pytest

from probvae.cli.app import main
from probvae.errors import PluginWarning
from probvae.registry import DISABLE, default


class Ended(NamedTuple):
    """How the program ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def program(*arguments) -> Ended:
    """Run `probvae ARGUMENTS` as the installed command does.

    An exception that is not reported as an error is a traceback for the user, and ends here as status 1 with it.
    """
    out, err = io.StringIO(), io.StringIO()
    default.cache_clear()  # each command is a new process for its user
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),  # `main` puts its own function in the place of showwarning
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.simplefilter("always", PluginWarning)
        patch.setattr(sys, "argv", ["probvae", *map(str, arguments)])
        patch.setenv(DISABLE, os.environ.get(DISABLE, ""))  # which --disable-plugin changes
        try:
            main()
        except SystemExit as stop:
            status = stop.code or 0
        except Exception:
            status = 1
            traceback.print_exc(file=err)
    return Ended(status, out.getvalue(), err.getvalue())


def forget_plugins():
    """Make the registry anew, without the single-file plugins that were loaded."""
    default.cache_clear()
    for name in [name for name in sys.modules if name.startswith("probvae_plugin_")]:
        del sys.modules[name]

"""The command line: parse, call, print."""

from typing import NoReturn

from probvae.cli.output import robust_output
from probvae.runs.signals import end_at_once, ignore, listen

__all__ = ["main"]


def main() -> NoReturn:
    """The program `probvae`. Signals and output are set up before anything else, imports included."""
    listen(end_at_once)
    robust_output()
    from probvae.cli.app import main as run

    try:
        run()
    finally:
        ignore()

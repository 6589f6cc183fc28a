"""The command line: parse, call, print."""

from probvae.cli.app import main

__all__ = ["main"]

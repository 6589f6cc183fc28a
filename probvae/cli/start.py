"""Starting TensorFlow without its notes to developers."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import click

from probvae.cli.printing import verbosity
from probvae.errors import explained_errors
from probvae.runs import signals

_NOTE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|[IW]\d{4} [\d:.]+ +\d+ ")


class ModelCommand(click.Command):
    """A command that needs TensorFlow: it is imported first, and quietly."""

    def invoke(self, ctx: click.Context) -> object:
        """Import TensorFlow, then do the command's work."""
        with without_notes():
            import tensorflow  # noqa: F401
        with explained_errors():
            return super().invoke(ctx)


@contextmanager
def without_notes() -> Iterator[None]:
    """Keep informational lines of native code off the standard error; everything else is passed on.

    TensorFlow 2.21 writes them before it reads TF_CPP_MIN_LOG_LEVEL, straight to the file descriptor.
    """
    sys.stderr.flush()
    kept = signals.standard_error = os.dup(2)
    with tempfile.TemporaryFile() as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            signals.standard_error = 2
            os.close(kept)
            buffer.seek(0)
            for line in buffer:
                if verbosity() == "verbose" or not _NOTE.match(line):
                    sys.stderr.write(line.decode(errors="replace"))

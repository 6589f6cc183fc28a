"""Single-file plugins, by path."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from probvae.errors import PluginWarning
from probvae.registry import Registry


def load_plugins(registry: Registry, files: Iterable[str | Path]) -> None:
    """Load single-file plugins; a broken one is a warning, and its components stay unknown.

    Raises:
        PluginError: a path is no Python file.
    """
    for file in files:
        info = registry.load_file(file)
        if info.state != "ok":
            warnings.warn(f"The plugin {info.source} is {info.state}: {info.reason}", PluginWarning, stacklevel=3)

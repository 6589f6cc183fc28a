"""What a plugin can offer, as pluggy hooks: components, the moments of a run, commands.

A plugin is a module. It implements the hooks it needs and leaves the others out; each takes those of its
arguments that it wants, by name.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import operator
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from probvae.errors import PluginError, explained

if TYPE_CHECKING:
    import click

KINDS = ("encoder", "decoder", "prior", "posterior", "likelihood", "objective", "dataset", "metric")

hookspec = pluggy.HookspecMarker("probvae")
hookimpl = pluggy.HookimplMarker("probvae")


@dataclass(frozen=True)
class ComponentSpec:
    """A component's name, and where its class is: known without importing it.

    Args:
        kind: one of `KINDS`.
        name: the short name, as `student_t`; the registry puts the plugin's namespace before it.
        factory: `"package.module:Class"`, imported on first use, or the class itself.
        owner: who gives it; filled in by the registry.
    """

    kind: str
    name: str
    factory: str | type[Any]
    owner: str = ""

    @property
    def target(self) -> str:
        """Where the class is, as `package.module:Class`."""
        if isinstance(self.factory, str):
            return self.factory
        return f"{self.factory.__module__}:{self.factory.__qualname__}"

    def load(self) -> type[Any]:
        """The class, imported now if it was not before.

        Raises:
            PluginError: its module cannot be imported, or holds no such class.
        """
        if not isinstance(self.factory, str):
            return self.factory
        module, _, path = self.factory.partition(":")
        try:
            found = operator.attrgetter(path)(importlib.import_module(module))
            if not isinstance(found, type):
                raise TypeError(f"expected a class; found {found!r}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin is anyone's code, and may call sys.exit
            what = f"{self.owner or 'a plugin'}: {self.kind} {self.name!r} cannot be loaded"
            raise PluginError(f"{what} from {self.factory!r}: {explained(error)}") from error
        return found

    def summary(self) -> str:
        """The first line of the class's docstring, read without running its module; empty if not found."""
        doc = _docstring(self.factory) if isinstance(self.factory, str) else self.factory.__doc__
        return (doc or "").strip().partition("\n")[0].rstrip()


def _docstring(factory: str) -> str | None:
    module, _, name = factory.partition(":")
    # vars, not getattr: a front door that opens on first use would import what it stands for.
    loaded = vars(sys.modules[module]).get(name) if module in sys.modules else None
    if loaded is not None:
        return getattr(loaded, "__doc__", None)
    try:
        return _class_docstrings(_source(module)).get(name)
    except Exception:  # a summary is a courtesy: what is wrong with the module is said when it is loaded
        return None


def _source(module: str) -> str:
    """A module's source, found from folder to folder: importlib's `find_spec` would import its parents."""
    parts = module.split(".")
    spec = importlib.util.find_spec(parts[0])
    for depth in range(2, len(parts) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return ""
        spec = PathFinder.find_spec(".".join(parts[:depth]), spec.submodule_search_locations)
    loader: Any = spec and spec.loader
    return loader.get_source(module) or "" if loader else ""


@functools.cache
def _class_docstrings(source: str) -> dict[str, str | None]:
    return {
        node.name: ast.get_docstring(node) for node in ast.parse(source).body if isinstance(node, ast.ClassDef)
    }


class RunView(Protocol):
    """What a tracker sees of a run."""

    @property
    def folder(self) -> Path:
        """The run's folder: metrics, figures, checkpoints."""

    @property
    def spec(self) -> dict[str, Any]:
        """The filled spec: every parameter that is in force, as nested tables."""


@hookspec
def probvae_components() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """The components that the plugin gives."""


@hookspec
def probvae_run_started(run: RunView) -> None:
    """A run starts or resumes; its folder and filled spec are there."""


@hookspec
def probvae_epoch_ended(run: RunView, epoch: int, metrics: dict[str, float]) -> None:
    """An epoch is over.

    Args:
        run: the run.
        epoch: how many epochs are done, from 1.
        metrics: the epoch's numbers by name, as `metrics.jsonl` has them.
    """


@hookspec
def probvae_run_ended(run: RunView, status: str) -> None:
    """A run is over, and all that it leaves is in its folder.

    Args:
        run: the run.
        status: `"finished"`, `"interrupted"` (it can be resumed) or `"failed"`.
    """


@hookspec
def probvae_cli(app: click.Group) -> None:
    """Adds commands to the command line's `app`; for installed plugins, as a `--plugin` file is read later."""

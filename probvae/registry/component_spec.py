"""A component's name and where its class is, known without importing it."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import operator
import sys
from dataclasses import dataclass
from importlib.abc import InspectLoader
from importlib.machinery import PathFinder
from typing import Any

from probvae.errors import PluginError, explained

KINDS = (
    "encoder",
    "decoder",
    "prior",
    "classifier",
    "network",
    "posterior",
    "likelihood",
    "objective",
    "dataset",
    "metric",
)
"""The kinds of components, in the order of lists."""


@dataclass(frozen=True)
class ComponentSpec:
    """A component's name, and where its class is: known without importing it.

    Args:
        kind: one of `KINDS`.
        name: the short name, as `student_t`; the registry puts the plugin's namespace before it.
        factory: `"package.module:Class"`, imported on first use, or the class itself.
        owner: the distribution, file or module that it comes from; filled in by the registry.
    """

    kind: str
    name: str
    factory: str | type
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
                raise TypeError(f"expected a class; got {found!r}")
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
    # vars, not getattr: a lazy package would import the module behind the name.
    loaded = vars(sys.modules[module]).get(name) if module in sys.modules else None
    if loaded is not None:
        return getattr(loaded, "__doc__", None)
    try:
        return _class_docstrings(_source(module)).get(name)
    except Exception:  # a summary is optional: errors of the module are raised when it is loaded
        return None


def _source(module: str) -> str:
    """A module's source, located folder by folder: importlib's `find_spec` would import its parents."""
    parts = module.split(".")
    spec = importlib.util.find_spec(parts[0])
    for depth in range(2, len(parts) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return ""
        spec = PathFinder.find_spec(".".join(parts[:depth]), spec.submodule_search_locations)
    loader = spec and spec.loader
    return (loader.get_source(module) or "") if isinstance(loader, InspectLoader) else ""


@functools.cache
def _class_docstrings(source: str) -> dict[str, str | None]:
    return {
        node.name: ast.get_docstring(node) for node in ast.parse(source).body if isinstance(node, ast.ClassDef)
    }

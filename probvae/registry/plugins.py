"""One plugin: where it comes from, its components, and its state.

A plugin has a namespace: an installed one the name of its entry point, a file its stem, a module that uses
`@register` its last name. Only probvae's own entry points give names without a namespace; they are listed as
`probvae.NAME`, which no other plugin can have. A plugin works as a whole: one that is broken or disabled has no
components.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Literal

import pluggy

from probvae.errors import PluginError, explained
from probvae.registry.component_spec import ComponentSpec
from probvae.registry.loading import HOOKS, execute, inspect, module_name

GROUP = "probvae"
"""The group of entry points in which installed plugins are found."""

State = Literal["ok", "broken", "disabled"]


@dataclass(frozen=True)
class PluginInfo:
    """A plugin as it is listed.

    Args:
        name: its namespace; `probvae.NAME` for the built-in ones.
        source: the distribution, file or module that it comes from.
        version: the distribution's version, where there is one.
        state: whether it works.
        reason: why not, where it does not.
        gives: its components, each as its kind and its name.
    """

    name: str
    source: str
    version: str
    state: State
    reason: str
    gives: tuple[tuple[str, str], ...]


@dataclass
class Plugin:
    """A plugin and its state, which the registry changes.

    Args:
        name: its namespace; `probvae.NAME` for the built-in ones.
        source: the distribution, file or module that it comes from.
        version: the distribution's version, where there is one.
        built_in: whether it is probvae's own.
        load: imports it and returns its module.
        registered: the components given to `@register`.
        components: all of its components, by their full names, while it works.
        hooks: its module, while it works.
        state: whether it works; None before it is activated.
        reason: why not, where it does not.
    """

    name: str
    source: str
    version: str = ""
    built_in: bool = False
    load: Callable[[], object] = lambda: None
    registered: list[ComponentSpec] = field(default_factory=list)
    components: list[ComponentSpec] = field(default_factory=list)
    hooks: object = None
    state: State | None = None
    reason: str = ""

    @property
    def owner(self) -> str:
        """Its source with its version."""
        return f"{self.source} {self.version}".rstrip()

    @property
    def info(self) -> PluginInfo:
        """The plugin as it is listed."""
        gives = tuple((spec.kind, spec.name) for spec in self.components)
        return PluginInfo(self.name, self.source, self.version, self.state or "broken", self.reason, gives)

    def activate(self, manager: pluggy.PluginManager) -> None:
        """Import the plugin, and take its hooks into `manager`; if that fails, it is broken."""
        self.state, self.reason = "broken", "its import was interrupted"
        try:
            if not self.built_in and not self.name.isidentifier():
                raise PluginError(f"expected a name that is an identifier; got {self.name!r}")
            self.hooks = self.load()
            implemented, components = inspect(self.hooks)
            if not (implemented or self.registered):
                raise PluginError(
                    "it has no component and no hook; expected @probvae.register(kind, name) on a class, or "
                    f"@hookimpl on one of {', '.join(HOOKS)}"
                )
            if not manager.is_registered(self.hooks):
                manager.register(self.hooks, self.name)
            self.components = [self._qualified(spec) for spec in [*components, *self.registered]]
            self.state, self.reason = "ok", ""
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin is anyone's code, and may call sys.exit
            self.deactivate(manager, "broken", explained(error))

    def deactivate(self, manager: pluggy.PluginManager, state: State, reason: str) -> None:
        """Take the plugin's hooks out of `manager`, and its components away."""
        if manager.is_registered(self.hooks):
            manager.unregister(self.hooks)
        if self.hooks is not None and sys.modules.get(module_name(self.name)) is self.hooks:
            del sys.modules[module_name(self.name)]
        self.state, self.reason, self.components, self.hooks = state, reason, [], None

    def register(self, spec: ComponentSpec) -> None:
        """Add a component that was given to `@register`; the plugin must then be activated again.

        Raises:
            PluginError: another class of the plugin has this kind and name.
        """
        for other in [other for other in self.registered if (other.kind, other.name) == (spec.kind, spec.name)]:
            if other.target != spec.target:
                raise PluginError(duplicate(spec.kind, spec.name, [other.target, spec.target]))
            self.registered.remove(other)  # a notebook's cell ran again
        self.registered.append(spec)
        self.state = None

    def _qualified(self, spec: ComponentSpec) -> ComponentSpec:
        return replace(spec, name=spec.name if self.built_in else f"{self.name}.{spec.name}", owner=self.owner)


def duplicate(kind: str, name: str, targets: list[str]) -> str:
    """The message that several classes have the same kind and name."""
    return f"{kind} {name!r} is given twice: by {' and by '.join(targets)}; rename one"


def from_file(path: Path) -> Plugin:
    """The plugin of a Python file, not yet run.

    Raises:
        PluginError: it is no Python file, or its stem is no identifier.
    """
    if path.suffix != ".py" or not path.is_file():
        got = path.suffix or "no suffix" if path.is_file() else "a folder" if path.is_dir() else "no such file"
        raise PluginError(f"plugin {path}: expected a Python file, ending in .py; got {got}.")
    if not path.stem.isidentifier():
        better = re.sub(r"^(?=\d)|\W", "_", path.stem)
        raise PluginError(
            f"plugin {path}: expected a file name that is an identifier, the namespace of its components; got "
            f"{path.stem!r}. Rename it, for example to {better}.py."
        )
    plugin = Plugin(path.stem, str(path.resolve()))
    plugin.load = partial(execute, path, plugin.registered)
    return plugin


def installed() -> Iterator[Plugin]:
    """The plugins of the installed distributions, not yet imported."""
    seen = set()
    for distribution in metadata.distributions():
        try:
            if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
                continue
            name = re.sub(r"[-_.]+", "-", distribution.name).lower()
            entries = distribution.entry_points.select(group=GROUP)
            version = distribution.version
        except Exception as error:  # damaged metadata, as of an interrupted removal
            folder = Path(str(getattr(distribution, "_path", "unknown"))).name
            yield Plugin(folder, folder, state="broken", reason=explained(error))
            continue
        if name in seen:  # Python imports the first on the path
            continue
        seen.add(name)
        built_in = name == "probvae"
        for entry in entries:
            label = f"probvae.{entry.name}" if built_in else entry.name
            yield Plugin(label, distribution.name, version, built_in, entry.load)

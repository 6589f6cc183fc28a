"""Plugins: where they are found, what they give, and why one is refused.

A plugin claims a namespace: an installed one by the name of its entry point, a file by its stem, a module
that uses `@register` by its last name. Only probvae's own entry points give bare names; they are listed as
`probvae.NAME`, which no other plugin can claim. A plugin works as a whole: one that is broken, disabled or in
conflict gives nothing. Of two that claim the same, neither wins, so that the order of loading never matters.
"""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeVar

from probvae.errors import PluginError, explained
from probvae.registry.hookspecs import ComponentSpec
from probvae.registry.loading import HOOKS, check, execute, executing, module_name, new_manager, tried

GROUP = "probvae"
DISABLE = "PROBVAE_DISABLE_PLUGINS"

T = TypeVar("T")
K = TypeVar("K")
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
        gives: the components that it gives, each as its kind and its name.
    """

    name: str
    source: str
    version: str
    state: State
    reason: str
    gives: tuple[tuple[str, str], ...]


@dataclass
class _Plugin:
    name: str
    source: str
    version: str = ""
    bare: bool = False
    load: Callable[[], object] = lambda: None
    declared: list[ComponentSpec] = field(default_factory=list)
    given: list[ComponentSpec] = field(default_factory=list)
    hooks: object = None
    state: State | None = None
    reason: str = ""

    @property
    def owner(self) -> str:
        return f"{self.source} {self.version}".rstrip()

    def own(self, spec: ComponentSpec) -> ComponentSpec:
        return replace(spec, name=spec.name if self.bare else f"{self.name}.{spec.name}", owner=self.owner)

    def info(self) -> PluginInfo:
        gives = tuple((spec.kind, spec.name) for spec in self.given)
        return PluginInfo(self.name, self.source, self.version, self.state or "broken", self.reason, gives)


class Plugins:
    """The plugins of one registry, found when they are first asked for.

    Args:
        disabled: the names of plugins to list but not to import, besides those in the environment variable
            `PROBVAE_DISABLE_PLUGINS`, where commas part them.
    """

    def __init__(self, disabled: Iterable[str] = ()) -> None:
        self.manager = new_manager()
        self.disabled = set(disabled)
        self._plugins: list[_Plugin] = []
        self._discovered = False

    def settled(self) -> list[_Plugin]:
        """Every plugin, in a state that depends on which plugins there are and not on which came first."""
        if not self._discovered:
            self._discovered = True
            self._plugins += _installed()
        disabled = self.disabled.union(map(str.strip, os.environ.get(DISABLE, "").split(",")))
        for (_, name), claimants in _grouped(self._plugins, lambda plugin: (plugin.bare, plugin.name)):
            if name in disabled:
                self._withhold(claimants, "disabled", f"by an option or by {DISABLE}")
            elif len(claimants) > 1:
                owners = " and by ".join(sorted(plugin.owner for plugin in claimants))
                self._withhold(claimants, "broken", f"the namespace {name!r} is claimed by {owners}; rename one")
            elif claimants[0].state is None:
                self._load(claimants[0])
        given = [(plugin, spec) for plugin in self._plugins for spec in plugin.given]
        for (kind, name), twice in _grouped(given, lambda pair: (pair[1].kind, pair[1].name)):
            if len(twice) > 1:
                targets = sorted(f"{spec.target} of {plugin.owner}" for plugin, spec in twice)
                self._withhold([plugin for plugin, _ in twice], "broken", _given_twice(kind, name, targets))
        return sorted(self._plugins, key=lambda plugin: (plugin.name, plugin.source))

    def load_file(self, path: str | Path) -> PluginInfo:
        """Loads a file as a plugin, unless it was loaded before.

        Raises:
            PluginError: it is no Python file, or its stem is no identifier. What is wrong inside it is not
                raised: its state is then `"broken"`.
        """
        path = Path(path)
        if path.suffix != ".py" or not path.is_file():
            found = path.suffix or "no suffix" if path.is_file() else "a folder" if path.is_dir() else "nothing"
            raise PluginError(f"plugin {path}: expected a Python file, ending in .py; found {found}.")
        if not path.stem.isidentifier():
            better = re.sub(r"^(?=\d)|\W", "_", path.stem)
            raise PluginError(
                f"plugin {path}: expected a file name that is an identifier, to be the namespace of what it "
                f"gives; found {path.stem!r}. Rename it, for example to {better}.py."
            )
        plugin = self._claim(path.stem, str(path.resolve()))
        plugin.load = partial(execute, path, plugin.declared)
        self.settled()
        return plugin.info()

    def declare(self, spec: ComponentSpec) -> None:
        """Takes what `@register` was given: for the file being executed, or else for the class's module.

        Raises:
            PluginError: the kind or the name cannot be, or another class of the module has the name.
        """
        check(spec)
        if executing:
            executing[-1].append(spec)
            return
        module = spec.target.partition(":")[0]
        plugin = self._claim(module.rpartition(".")[2].strip("_"), f"module {module}")
        earlier = [other for other in plugin.declared if (other.kind, other.name) == (spec.kind, spec.name)]
        for other in earlier:
            if other.target != spec.target:
                raise PluginError(_given_twice(spec.kind, spec.name, [other.target, spec.target]))
            plugin.declared.remove(other)  # a notebook's cell ran again
        plugin.declared.append(spec)
        plugin.state = None

    def notify(self, hook: str, **arguments: Any) -> list[str]:
        """Calls every implementation of a hook, whether or not others fail; returns what failed."""
        self.settled()
        failures = []
        plugins = dict(self.manager.list_name_plugin())
        for name, hooks in plugins.items():
            others = [other for other in plugins.values() if other is not hooks]
            try:
                self.manager.subset_hook_caller(hook, others)(**arguments)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a plugin is anyone's code, and may call sys.exit
                failures.append(f"plugin {name}: {hook} failed: {explained(error)}")
        return failures

    def _claim(self, name: str, source: str) -> _Plugin:
        for plugin in self._plugins:
            if (plugin.name, plugin.source) == (name, source):
                return plugin
        self._plugins.append(_Plugin(name, source))
        return self._plugins[-1]

    def _load(self, plugin: _Plugin) -> None:
        plugin.state, plugin.reason = "broken", "its import was interrupted"
        try:
            if not plugin.bare and not plugin.name.isidentifier():
                raise PluginError(f"expected a name that is an identifier; found {plugin.name!r}")
            plugin.hooks = plugin.load()
            implemented, offered = tried(plugin.hooks)
            if not (implemented or plugin.declared):
                raise PluginError(
                    "it offers nothing; expected @probvae.register(kind, name) on a class, or @hookimpl on one of "
                    f"{', '.join(HOOKS)}"
                )
            for spec in offered:
                check(spec)
            if not self.manager.is_registered(plugin.hooks):
                self.manager.register(plugin.hooks, plugin.name)
            plugin.given = [plugin.own(spec) for spec in [*offered, *plugin.declared]]
            plugin.state, plugin.reason = "ok", ""
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._withhold([plugin], "broken", explained(error))

    def _withhold(self, plugins: Iterable[_Plugin], state: State, reason: str) -> None:
        for plugin in plugins:
            if self.manager.is_registered(plugin.hooks):
                self.manager.unregister(plugin.hooks)
            if plugin.hooks is not None and sys.modules.get(module_name(plugin.name)) is plugin.hooks:
                del sys.modules[module_name(plugin.name)]
            plugin.state, plugin.reason, plugin.given, plugin.hooks = state, reason, [], None


def _grouped(things: Iterable[T], key: Callable[[T], K]) -> Iterable[tuple[K, list[T]]]:
    groups = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return groups.items()


def _installed() -> list[_Plugin]:
    plugins = []
    seen = set()
    for distribution in metadata.distributions():
        try:
            if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
                continue
            name = re.sub(r"[-_.]+", "-", distribution.name).lower()
            entries = distribution.entry_points.select(group=GROUP)
            version = distribution.version
        except Exception as error:  # damaged metadata, as of a removal that was cut short
            folder = Path(str(getattr(distribution, "_path", "unknown"))).name
            plugins.append(_Plugin(folder, folder, state="broken", reason=explained(error)))
            continue
        if name in seen:  # as Python imports it: the first on the path
            continue
        seen.add(name)
        bare = name == "probvae"
        for entry in entries:
            label = f"probvae.{entry.name}" if bare else entry.name
            plugins.append(_Plugin(label, distribution.name, version, bare, entry.load))
    return plugins


def _given_twice(kind: str, name: str, targets: list[str]) -> str:
    return f"{kind} {name!r} is given twice: by {' and by '.join(targets)}; rename one"

"""The registry: names to components, as a mapping. It imports no component, and no TensorFlow."""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pluggy

from probvae.errors import UnknownNameError, did_you_mean, explained
from probvae.registry.component_spec import KINDS, ComponentSpec
from probvae.registry.loading import new_manager, register_target, validate
from probvae.registry.plugins import Plugin, PluginInfo, duplicate, from_file, installed

DISABLE = "PROBVAE_DISABLE_PLUGINS"
"""The environment variable that disables plugins."""

_PACKAGES = ("hyperspherical", "tfrecords")
"""The namespaces of published plugins, each of a package probvae-NAME, for users who do not have them."""

C = TypeVar("C", bound=type)
T = TypeVar("T")
K = TypeVar("K")


class Registry(Mapping[tuple[str, str], ComponentSpec]):
    """The components of all plugins, by (kind, name); installed plugins are discovered on first use.

    `registry["prior", "mixture"].load()` is the class of the built-in mixture prior. Of two plugins with the same
    namespace or component, neither works, so that the result does not depend on the order of loading.

    Args:
        disabled: the names of plugins to list but not to import, besides those in the environment variable
            `PROBVAE_DISABLE_PLUGINS`, separated by commas.
    """

    def __init__(self, disabled: Iterable[str] = ()) -> None:
        self._manager = new_manager()
        self._disabled = set(disabled)
        self._plugins: list[Plugin] = []
        self._discovered = False

    def __getitem__(self, key: tuple[str, str]) -> ComponentSpec:
        try:
            return self._components[key]
        except KeyError:
            raise UnknownNameError(self._unknown(*key)) from None

    def __contains__(self, key: object) -> bool:
        return key in self._components

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._components)

    def __len__(self) -> int:
        return len(self._components)

    def names(self, kind: str) -> list[str]:
        """The names of a kind's components, the built-in ones first.

        Raises:
            UnknownNameError: there is no such kind.
        """
        if kind not in KINDS:
            raise UnknownNameError(f"No kind is named {kind!r}. {did_you_mean(kind, KINDS)}")
        return [name for known, name in self if known == kind]

    def owner(self, kind: str, name: str) -> str:
        """The distribution with its version, or the file or module, that a component comes from."""
        return self[kind, name].owner

    @property
    def plugins(self) -> list[PluginInfo]:
        """Every plugin, whether it works or not, by name."""
        return [plugin.info for plugin in self._resolved()]

    @property
    def hooks(self) -> pluggy.HookRelay:
        """Every plugin's hooks: `registry.hooks.probvae_cli(app=app)`. Errors in them are raised."""
        self._resolved()
        return self._manager.hook

    def notify(self, hook: str, **arguments: object) -> list[str]:
        """Call a hook in each plugin separately, so that a failure in one does not affect the others.

        Returns:
            The failures, each as `plugin X: HOOK failed: ...`.
        """
        self._resolved()
        failures = []
        plugins = dict(self._manager.list_name_plugin())
        for name, hooks in plugins.items():
            others = [other for other in plugins.values() if other is not hooks]
            try:
                self._manager.subset_hook_caller(hook, others)(**arguments)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a plugin is anyone's code, and may call sys.exit
                failures.append(f"plugin {name}: {hook} failed: {explained(error)}")
        return failures

    def disable(self, names: Iterable[str]) -> None:
        """Disable the plugins of these names; those that were not imported yet will not be."""
        self._disabled.update(names)

    def load_file(self, path: str | Path) -> PluginInfo:
        """Load a file as a plugin, whose namespace is the file's stem, unless it was loaded before.

        Raises:
            PluginError: it is no Python file, or its stem is no identifier. An error inside the file is not
                raised: the state is then `"broken"`.
        """
        plugin = self._added(from_file(Path(path)))
        self._resolved()
        return plugin.info

    def register(self, kind: str, name: str) -> Callable[[C], C]:
        """A decorator that registers a class, in the namespace of the file or module that defines it.

        Raises:
            PluginError: the kind or the name is invalid, or another class of the module has the name.
        """

        def decorate(factory: C) -> C:
            spec = ComponentSpec(kind, name, factory)
            validate(spec)
            file = register_target()
            if file is not None:
                file.append(spec)
            else:
                module = spec.target.partition(":")[0]
                self._added(Plugin(module.rpartition(".")[2].strip("_"), f"module {module}")).register(spec)
            return factory

        return decorate

    def _added(self, plugin: Plugin) -> Plugin:
        """The plugin itself, or the one of the same name and source that was added before."""
        for known in self._plugins:
            if (known.name, known.source) == (plugin.name, plugin.source):
                return known
        self._plugins.append(plugin)
        return plugin

    def _resolved(self) -> list[Plugin]:
        """Every plugin, activated or not; its state depends on the set of plugins and not on their order."""
        if not self._discovered:
            self._discovered = True
            self._plugins += installed()
        disabled = self._disabled.union(map(str.strip, os.environ.get(DISABLE, "").split(",")))
        for (_, name), same in _grouped(self._plugins, lambda plugin: (plugin.built_in, plugin.name)):
            if name in disabled:
                for plugin in same:
                    plugin.deactivate(self._manager, "disabled", f"by an option or by {DISABLE}")
            elif len(same) > 1:
                owners = " and by ".join(sorted(plugin.owner for plugin in same))
                for plugin in same:
                    reason = f"the namespace {name!r} is claimed by {owners}; rename one"
                    plugin.deactivate(self._manager, "broken", reason)
            elif same[0].state is None:
                same[0].activate(self._manager)
        pairs = [(plugin, spec) for plugin in self._plugins for spec in plugin.components]
        for (kind, name), twice in _grouped(pairs, lambda pair: (pair[1].kind, pair[1].name)):
            if len(twice) > 1:
                targets = sorted(f"{spec.target} of {plugin.owner}" for plugin, spec in twice)
                for plugin, _ in twice:
                    plugin.deactivate(self._manager, "broken", duplicate(kind, name, targets))
        return sorted(self._plugins, key=lambda plugin: (plugin.name, plugin.source))

    @property
    def _components(self) -> dict[tuple[str, str], ComponentSpec]:
        components = [spec for plugin in self._resolved() for spec in plugin.components]
        components.sort(key=lambda spec: (KINDS.index(spec.kind), "." in spec.name, spec.name))
        return {(spec.kind, spec.name): spec for spec in components}

    def _unknown(self, kind: str, name: str) -> str:
        """The message for an unknown name: suggestions, and the plugins that might have it but do not work."""
        known = self.names(kind)
        qualified = [full for full in known if full.endswith(f".{name}") or full.startswith(f"{name}.")]
        suggestion = did_you_mean(qualified[0] if qualified else name, known)
        text = f"No {kind} is named {name!r}. {suggestion}"
        if kinds := [other for other, full in self if full == name]:
            text += f" There is one of kind {' and '.join(kinds)}."
        namespace = name.rpartition(".")[0]
        source = namespace or name
        if source in _PACKAGES and all(plugin.name != source for plugin in self.plugins):
            package = f"probvae-{source}"
            return f"{text} It comes with the package {package}: pip install {package}."
        if namespace:
            suspects = [plugin for plugin in self.plugins if plugin.name == namespace]
            if not suspects:
                text += f" No plugin is named {namespace!r}: a single file is given with "
                text += f"--plugin {namespace}.py, an installed one with pip."
        else:
            matched = suggestion.startswith("Did you mean")
            suspects = [plugin for plugin in self.plugins if plugin.name.startswith("probvae.") or not matched]
        for plugin in suspects:
            if plugin.state != "ok":
                cause = f"Plugin {plugin.name} ({plugin.source}) is {plugin.state}: {plugin.reason.rstrip('.')}."
                built_in = plugin.name.startswith("probvae.")  # then most names are missing
                text = f"{cause} {text}" if built_in else f"{text} {cause}"
        return text


def _grouped(things: Iterable[T], key: Callable[[T], K]) -> Iterable[tuple[K, list[T]]]:
    groups = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return groups.items()


@functools.cache
def default() -> Registry:
    """The registry that the command line, specs and `probvae.register` use."""
    return Registry()


def register(kind: str, name: str) -> Callable[[C], C]:
    """A decorator that registers a component in the default registry, as in a notebook or in a `--plugin` file.

    The name to use in a spec is `namespace.name`, where the namespace is the stem of the file given with
    `--plugin`, or the last name of the module otherwise; in a notebook it is `main`.

    Args:
        kind: the kind of the class: `prior`, `encoder`, `decoder`, ...
        name: its short name, as `student_t`.
    """
    return default().register(kind, name)

"""The registry: names to components, as a mapping. It imports no component, and no TensorFlow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from probvae.errors import UnknownNameError, did_you_mean
from probvae.registry.hookspecs import KINDS, ComponentSpec
from probvae.registry.plugins import PluginInfo, Plugins

C = TypeVar("C", bound=type[Any])


class Registry(Mapping[tuple[str, str], ComponentSpec]):
    """The components of all plugins, by (kind, name); the plugins are found on first use.

    `registry["prior", "mixture"].load()` is the class of the built-in mixture prior.

    Args:
        disabled: the names of plugins to list but not to import.
    """

    def __init__(self, disabled: Iterable[str] = ()) -> None:
        self._plugins = Plugins(disabled)

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
        """The distribution with its version, or the file or module, that gives a component."""
        return self[kind, name].owner

    @property
    def plugins(self) -> list[PluginInfo]:
        """Every plugin, whether it works or not, by name."""
        return [plugin.info() for plugin in self._plugins.settled()]

    def disable(self, names: Iterable[str]) -> None:
        """Takes the plugins of these names out; those that were not imported yet will not be."""
        self._plugins.disabled.update(names)

    def load_file(self, path: str | Path) -> PluginInfo:
        """Takes a file in as a plugin, whose namespace is the file's stem; does nothing if it is in already.

        Raises:
            PluginError: it is no Python file, or its stem is no identifier. What is wrong inside it is not
                raised: the answer's state is then `"broken"`.
        """
        return self._plugins.load_file(path)

    def register(self, kind: str, name: str) -> Callable[[C], C]:
        """A decorator that names a class, under the namespace of the file or module that it stands in."""

        def decorate(factory: C) -> C:
            self._plugins.declare(ComponentSpec(kind, name, factory))
            return factory

        return decorate

    @property
    def hooks(self) -> Any:
        """Every plugin's hooks: `registry.hooks.probvae_cli(app=app)`. Errors in them are raised."""
        self._plugins.settled()
        return self._plugins.manager.hook

    def notify(self, hook: str, **arguments: Any) -> list[str]:
        """Calls a hook in each plugin by itself, so that one that fails disturbs nothing else.

        Returns:
            What failed, each as `plugin X: HOOK failed: ...`.
        """
        return self._plugins.notify(hook, **arguments)

    @property
    def _components(self) -> dict[tuple[str, str], ComponentSpec]:
        given = [spec for plugin in self._plugins.settled() for spec in plugin.given]
        given.sort(key=lambda spec: (KINDS.index(spec.kind), "." in spec.name, spec.name))
        return {(spec.kind, spec.name): spec for spec in given}

    def _unknown(self, kind: str, name: str) -> str:
        known = self.names(kind)
        namespaced = [full for full in known if full.endswith(f".{name}")]
        suggestion = did_you_mean(namespaced[0] if namespaced else name, known)
        text = f"No {kind} is named {name!r}. {suggestion}"
        if kinds := [other for other, full in self if full == name]:
            text += f" There is one of kind {' and '.join(kinds)}."
        namespace = name.rpartition(".")[0]
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
                text += f" Plugin {plugin.name} ({plugin.source}) is {plugin.state}: {plugin.reason.rstrip('.')}."
        return text


@functools.cache
def default() -> Registry:
    """The registry that the command line, specs and `probvae.register` use."""
    return Registry()


def register(kind: str, name: str) -> Callable[[C], C]:
    """A decorator that names a component in the default registry, as in a notebook or in a `--plugin` file.

    The name to use in a spec is `namespace.name`, where the namespace is the stem of the file given with
    `--plugin`, or the last name of the module otherwise; in a notebook it is `main`.

    Args:
        kind: what the class is: `prior`, `encoder`, `decoder`, ...
        name: its short name, as `student_t`.
    """
    return default().register(kind, name)

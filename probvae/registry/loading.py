"""Loading a plugin: running its file, finding its hooks and components, rejecting invalid ones."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pluggy

from probvae.errors import PluginError, did_you_mean
from probvae.registry import hookspecs
from probvae.registry.component_spec import KINDS, ComponentSpec

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("probvae_"))

_register_targets: list[list[ComponentSpec]] = []
"""The lists that `@register` appends to while files are executed, the innermost last."""


def new_manager() -> pluggy.PluginManager:
    """A pluggy manager that knows the hooks."""
    manager = pluggy.PluginManager("probvae")
    manager.add_hookspecs(hookspecs)
    return manager


def register_target() -> list[ComponentSpec] | None:
    """The list that `@register` appends to, None if no file is being executed."""
    return _register_targets[-1] if _register_targets else None


def module_name(name: str) -> str:
    """The name in `sys.modules` of the module of a file with this stem."""
    return f"probvae_plugin_{name}"


def execute(path: Path, registered: list[ComponentSpec]) -> ModuleType:
    """Run a file as a module; `@register` appends its components to `registered`."""
    name = module_name(path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and pickle look their module up there
    _register_targets.append(registered)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        _register_targets.pop()
    return module


def inspect(hooks: object) -> tuple[list[str], list[ComponentSpec]]:
    """The names of the hooks that a plugin implements, and its components, found with a separate manager.

    Raises:
        PluginError: a hook is misspelt, not marked or returns something else.
    """
    manager = new_manager()
    manager.register(hooks)
    callers = manager.get_hookcallers(hooks) or []
    names = [caller.name for caller in callers]
    for caller in callers:
        if not caller.has_spec() and not all(found.optionalhook for found in caller.get_hookimpls()):
            raise PluginError(f"no hook is named {caller.name!r}. {did_you_mean(caller.name, HOOKS)}")
    for name in HOOKS:
        if name not in names and callable(getattr(hooks, name, None)):
            raise PluginError(f"{name} is not marked as a hook; expected @probvae.hookimpl above it")
    returned = manager.hook.probvae_components()
    if "probvae_components" in names and not returned:
        raise PluginError("probvae_components returned None; expected ComponentSpecs")
    components = [spec for specs in returned for spec in specs]
    for spec in components:
        validate(spec)
    return names, components


def validate(spec: object) -> None:
    """Raise PluginError if this is no ComponentSpec, or if its kind, name or factory is invalid."""
    if not isinstance(spec, ComponentSpec):
        raise PluginError(f"expected a ComponentSpec; got {spec!r}")
    if spec.kind not in KINDS:
        raise PluginError(f"no kind is named {spec.kind!r}. {did_you_mean(str(spec.kind), KINDS)}")
    what = f"{spec.kind} {spec.name!r}"
    if not re.fullmatch("[a-z][a-z0-9_]*", str(spec.name)):
        hint = " Leave the namespace out: the registry adds it." if "." in str(spec.name) else ""
        raise PluginError(f"{what}: expected a name of a-z, 0-9 and _ that starts with a letter.{hint}")
    if not (isinstance(spec.factory, type) or re.fullmatch(r"[\w.]+:[\w.]+", str(spec.factory))):
        raise PluginError(f"{what}: expected a class or 'package.module:Class'; got {spec.factory!r}")

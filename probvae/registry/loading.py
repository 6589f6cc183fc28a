"""Loading a plugin: running its file, finding out what it offers, refusing what cannot be."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pluggy

from probvae.errors import PluginError, did_you_mean
from probvae.registry import hookspecs
from probvae.registry.hookspecs import KINDS, ComponentSpec

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("probvae_"))

# What @register is given while files are executed, the innermost last.
executing: list[list[ComponentSpec]] = []


def new_manager() -> pluggy.PluginManager:
    """A pluggy manager that knows the hooks."""
    manager = pluggy.PluginManager("probvae")
    manager.add_hookspecs(hookspecs)
    return manager


def module_name(name: str) -> str:
    """What the module of a file with this stem is called in `sys.modules`."""
    return f"probvae_plugin_{name}"


def execute(path: Path, declared: list[ComponentSpec]) -> object:
    """Run a file as a module; what it gives to `@register` goes into `declared`."""
    name = module_name(path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and pickle look their module up there
    executing.append(declared)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        executing.pop()
    return module


def tried(hooks: object) -> tuple[list[str], list[ComponentSpec]]:
    """The hooks that a plugin implements and the components it offers, found with a manager of its own."""
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
    offered = manager.hook.probvae_components()
    if "probvae_components" in names and not offered:
        raise PluginError("probvae_components returned None; expected ComponentSpecs")
    return names, [spec for specs in offered for spec in specs]


def check(spec: object) -> None:
    """Refuse what is no ComponentSpec, or one whose kind, name or factory cannot be."""
    if not isinstance(spec, ComponentSpec):
        raise PluginError(f"expected a ComponentSpec; found {spec!r}")
    if spec.kind not in KINDS:
        raise PluginError(f"no kind is named {spec.kind!r}. {did_you_mean(str(spec.kind), KINDS)}")
    what = f"{spec.kind} {spec.name!r}"
    if not re.fullmatch("[a-z][a-z0-9_]*", str(spec.name)):
        hint = " Leave the namespace out: it is put before the name." if "." in str(spec.name) else ""
        raise PluginError(f"{what}: expected a name of a-z, 0-9 and _ that starts with a letter.{hint}")
    if not (isinstance(spec.factory, type) or re.fullmatch(r"[\w.]+:[\w.]+", str(spec.factory))):
        raise PluginError(f"{what}: expected a class or 'package.module:Class'; found {spec.factory!r}")

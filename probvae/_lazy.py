"""Lazy packages: importing one imports nothing else, and each of its names loads on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable
from typing import Any


def lazy(
    package: str, targets: Iterable[str], packages: Collection[str] = ()
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """A module's `__all__`, `__getattr__` and `__dir__` (PEP 562).

    Type checkers and editors read the package's stub, which `tools/stubs.py` writes from the same targets.

    Args:
        package: the package's name.
        targets: its public names, each with the module that defines it: `"package.module:Name"`.
        packages: the names of its public subpackages, which are not in `__all__`.

    Raises:
        ValueError: two modules define a name.
    """
    modules: dict[str, str] = {}
    for module, _, name in (target.partition(":") for target in targets):
        if modules.setdefault(name, module) != module:
            raise ValueError(
                f"{package}: expected names that differ; got {name!r} from {modules[name]} and from {module}. "
                "Rename one of the two classes; their names in a spec may stay."
            )

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name in packages:
            return importlib.import_module(f"{package}.{name}")
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return list(modules), __getattr__, lambda: sorted([*modules, *packages])

"""Write the stubs of the lazy packages: what type checkers and editors read in place of names that load on use.

    python tools/stubs.py

A lazy package has a list `TARGETS` of "package.module:Name" in its `__init__.py`; its stub imports the same names.
"""

from __future__ import annotations

import importlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH = 115
"""The length of a line in pyproject.toml."""


def lazy_packages() -> list[Path]:
    """The folders of the lazy packages."""
    folders = [path.parent for path in sorted((ROOT / "probvae").rglob("__init__.py"))]
    return [folder for folder in folders if "= lazy(__name__, TARGETS" in (folder / "__init__.py").read_text()]


def stub(folder: Path) -> str:
    """The text of a lazy package's stub."""
    package = importlib.import_module(".".join(folder.relative_to(ROOT).parts))
    pairs = (target.split(":") for target in package.TARGETS)
    lines = [_import(module, name) for module, name in sorted(map(_existing, pairs), key=_order)]
    name = package.__name__
    inner = [f"from {name} import {inner} as {inner}\n" for inner in getattr(package, "PACKAGES", ())]
    version = "\n__version__: str\n" if hasattr(package, "__version__") else ""
    return '"""Written by tools/stubs.py."""\n\n' + "".join([*inner, *lines]) + version


def _import(module: str, name: str) -> str:
    """The line for a name, as ruff formats it."""
    line = f"from {module} import {name} as {name}\n"
    return line if len(line) <= WIDTH + 1 else f"from {module} import (\n    {name} as {name},\n)\n"


def _existing(pair: list[str]) -> list[str]:
    """The pair itself, if its module defines its name.

    Raises:
        SystemExit: it does not, so that the name could not be loaded.
    """
    module, name = pair
    try:
        getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SystemExit(f"{module}:{name}: expected a name that can be imported; got {error}.") from error
    return pair


def _order(pair: list[str]) -> tuple[str, int, str]:
    """As ruff sorts imports: constants, classes, functions, in lower case."""
    module, name = pair
    return module, 0 if name.isupper() else 1 if name[0].isupper() else 2, name.lower()


def main() -> None:
    """Write every stub."""
    for folder in lazy_packages():
        (folder / "__init__.pyi").write_text(stub(folder))


if __name__ == "__main__":
    main()

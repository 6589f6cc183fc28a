"""Descriptions of components, kept in the user's cache: TensorFlow is imported only where files have changed.

The parameters of a component are read from its class, and importing that takes seconds. So all components of a
package are described at once and kept, as JSON, with a fingerprint of all that they depend on: the Python files of
the package and of probvae, and the folders of installed packages, which every installation changes. With another
fingerprint, or after damage, they are described anew.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from probvae.errors import PluginError
from probvae.registry import ComponentSpec, Registry

Description: TypeAlias = dict[str, Any]
Describe: TypeAlias = Callable[[ComponentSpec], Description]


def description(spec: ComponentSpec, registry: Registry, describe: Describe) -> Description:
    """The description of a component, as plain values.

    Args:
        spec: the component.
        registry: has the other components of its package.
        describe: describes a component, and raises a PluginError if it cannot be used.

    Raises:
        PluginError: of the component itself.
    """
    if not isinstance(spec.factory, str):  # of a file or a notebook, which has been executed already
        return describe(spec)
    package = _package(spec)
    try:
        fingerprint = _fingerprint(package)
    except OSError:  # it is in no folder, as in an archive
        return describe(spec)
    file = _folder() / f"{package}.json"
    kept = _read(file, fingerprint)
    if (key := _key(spec)) not in kept:
        kept = {key: describe(spec)}
        for other in registry.values():
            if _package(other) == package and _key(other) not in kept:
                with suppress(PluginError):
                    kept[_key(other)] = describe(other)
        _write(file, fingerprint, kept)
    return kept[key]


def _key(spec: ComponentSpec) -> str:
    return f"{spec.kind} {spec.name} of {spec.owner}"


def _package(spec: ComponentSpec) -> str:
    return spec.target.partition(":")[0].partition(".")[0]


def _folder() -> Path:
    import pooch

    return Path(pooch.os_cache("probvae")) / "descriptions"


def _fingerprint(package: str) -> str:
    states = [(path, os.stat(path)) for path in sorted({*_files("probvae"), *_files(package), *_installed()})]
    text = repr((sys.version, [(str(path), state.st_mtime_ns, state.st_size) for path, state in states]))
    return sha256(text.encode()).hexdigest()


def _files(package: str) -> Iterator[Path]:
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from (path for path in Path(folder).rglob("*.py") if path.exists())  # unlike an editor's lock
    if spec and spec.origin:
        yield Path(spec.origin)


def _installed() -> Iterator[Path]:
    return (Path(folder) for folder in sys.path if folder.endswith("-packages") and os.path.isdir(folder))


def _read(file: Path, fingerprint: str) -> dict[str, Description]:
    """The descriptions in a file; none if it is damaged, or has another fingerprint."""
    try:
        checksum, _, text = file.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return {}
    return json.loads(text) if checksum == _checksum(fingerprint, text) else {}


def _write(file: Path, fingerprint: str, kept: dict[str, Description]) -> None:
    """Replace a file in one step; where it cannot be written, nothing is kept."""
    text = json.dumps(kept, default=str)
    new = file.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(f"{_checksum(fingerprint, text)}\n{text}", encoding="utf-8")
        new.replace(file)


def _checksum(fingerprint: str, text: str) -> str:
    return sha256(f"{fingerprint}\n{text}".encode()).hexdigest()

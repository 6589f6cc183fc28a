"""The files of a new plugin package, rendered from templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from string import Template

from probvae.errors import UserError
from probvae.scaffold.example import CHECKED, Example, source
from probvae.scaffold.names import PluginNames

TEMPLATES = Path(__file__).with_name("template")

FILES = (
    "pyproject.toml",
    "README.md",
    ".gitignore",
    ".github/workflows/test.yml",
    "$module/__init__.py",
    "$module/py.typed",
    "$module/plugin.py",
    "$module/$name.py",
    "tests/test_contract.py",
    "tests/test_$name.py",
)
"""The path of each file. The template of `a/.b` is `template/b.template`, those of a component and of its test are
in `examples`; no tool reads files of that suffix."""

USE = """\
```toml
$in_a_spec
```

or, for a spec or a run that names another $kind:

```
$on_the_command_line
```"""


def render(names: PluginNames, version: str, kind: str = "prior") -> dict[str, str]:
    """The text of every file of the package, by its path within the folder.

    Args:
        names: what the plugin is called.
        version: the lowest version of probvae that the package requires.
        kind: the kind of the component that it holds, one of `PLACES`.
    """
    example = Example.of(kind)
    values = {
        "namespace": names.namespace,
        "module": names.module,
        "distribution": names.distribution,
        "version": version,
        "kind": kind,
        "name": example.name,
        "class_name": example.class_name,
        "summary": example.summary,
    }
    use = f"{names.namespace}.{example.name}"
    lines = {"in_a_spec": example.in_a_spec(use), "on_the_command_line": example.on_the_command_line(use)}
    values["use"] = Template(USE).substitute(lines, kind=kind)
    values["tests"] = (
        f"`tests/` runs the contract kit, as `probvae check --plugin {names.namespace}` does, and tests what the\n"
        "docstring says."
        if kind in CHECKED
        else "`tests/` tests what the docstring says."
    )
    paths = [path for path in FILES if kind in CHECKED or path != "tests/test_contract.py"]
    return {Template(path).substitute(values): _template(path, kind).substitute(values) for path in paths}


def _template(path: str, kind: str) -> Template:
    name = path.rpartition("/")[2].removeprefix(".")
    if "$name" in name:
        return Template(source(name.replace("$name", kind)))
    return Template((TEMPLATES / f"{name}.template").read_text(encoding="utf-8"))


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write the files into a new or empty folder; existing files are never overwritten.

    Args:
        files: texts by path within the folder.
        folder: created if missing, with its parents.

    Raises:
        UserError: the folder is not empty, or it or a file in it cannot be written; then no file is left in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        found = "a folder with files in it" if folder.is_dir() else "a file"
        raise UserError(
            f"folder {folder}: expected a new or empty folder; got {found}. Nothing was written. "
            "Name another with --out, or move it away."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"folder {folder}: expected a folder that can be created; got {error}. Name another with --out."
        ) from error
    made: list[Path] = []
    try:
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8", newline="\n") as file:
                made.append(target)
                file.write(text)
    except OSError as error:
        _remove(made, folder)
        raise UserError(f"{target} cannot be written: {error}. Name another folder with --out.") from error


def _remove(files: Sequence[Path], root: Path) -> None:
    """Remove files, and the folders below the root that are empty without them."""
    for file in files:
        file.unlink(missing_ok=True)
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):  # of another's files
            folder.rmdir()

"""The files of a new plugin package, from the templates beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from probvae.errors import UserError
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
    "$module/student_t.py",
    "tests/test_student_t.py",
)
"""Where each goes. The template of `a/.b` is `template/b.template`, a suffix that no tool takes for its own."""


def render(names: PluginNames, version: str) -> dict[str, str]:
    """The text of every file of the package, by its path within the folder.

    Args:
        names: what the plugin is called.
        version: the lowest version of probvae that the package asks for.
    """
    values = {
        "namespace": names.namespace,
        "module": names.module,
        "distribution": names.distribution,
        "version": version,
    }
    return {Template(path).substitute(values): _template(path).substitute(values) for path in FILES}


def _template(path: str) -> Template:
    name = path.rpartition("/")[2].removeprefix(".")
    return Template((TEMPLATES / f"{name}.template").read_text(encoding="utf-8"))


def write(files: Mapping[str, str], folder: Path) -> None:
    """Writes the files into a folder that is new or empty; whatever happens, none is written over another.

    Args:
        files: texts by path within the folder.
        folder: made if it is not there, with the folders above it.

    Raises:
        UserError: the folder is taken, or cannot be made.
        OSError: a file in it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        found = "a folder with files in it" if folder.is_dir() else "a file"
        raise UserError(
            f"folder {folder}: expected a new or an empty one; got {found}. Nothing was written. "
            "Name another with --out, or move it away."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"folder {folder}: expected one that can be made; got {error}. Name another with --out."
        ) from error
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)

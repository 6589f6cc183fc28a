"""Folders within folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def walk(
    root: Path, onerror: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """A folder and all in it: of each its path, and the names of the folders and of the files in it.

    Links to folders are followed, but not to those that they are in. Hidden folders are left out, as is what the
    caller removes from the names of folders.

    Args:
        root: the folder.
        onerror: called if a folder cannot be read; None leaves it out.
    """
    for path, folders, files in os.walk(root, onerror=onerror, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_circle(Path(path, name))]
        yield Path(path), folders, files


def _is_circle(folder: Path) -> bool:
    """Whether a folder is a link to one that it is in."""
    return folder.is_symlink() and any(folder.samefile(above) for above in folder.absolute().parents)

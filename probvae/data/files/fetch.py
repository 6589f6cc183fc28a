"""Files from the network: checked for size and sha256, then renamed into the cache, or not kept at all."""

from __future__ import annotations

import os
import sys
import textwrap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pooch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from probvae.data.files.kinds import kind_of
from probvae.errors import DataError

CACHE_VARIABLE = "PROBVAE_DATA"


@dataclass(frozen=True)
class File:
    """A published file, and what it must be.

    Args:
        name: its name on the server and in a folder, ending in `.gz`.
        size: in bytes.
        sha256: of the file.
        content: sha256 of the file decompressed, where that is known.
        npz: another file that holds the same, as one array `arr_0`.
    """

    name: str
    size: int
    sha256: str
    content: str = ""
    npz: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What a folder may call it."""
        names = self.name, self.name.removesuffix(".gz")
        return (*names, self.npz) if self.npz else names


def cache_folder(dataset: str) -> Path:
    """Where a dataset's files are kept: in $PROBVAE_DATA, or in the user's cache."""
    root = os.environ.get(CACHE_VARIABLE) or pooch.os_cache("probvae")
    return Path(os.path.expanduser(root)) / dataset  # Path.expanduser may raise


def fetch(base: str, file: File, folder: Path, ways_out: str) -> Path:
    """The path of a file in the cache, downloaded first where it is missing or damaged.

    Args:
        base: the address that the name is appended to.
        file: which one.
        folder: where it is kept.
        ways_out: what else the user can do, for the error.

    Raises:
        DataError: it could not be downloaded, or is not what it should be; nothing is kept then.
    """
    url = base + file.name

    def download(url: str, target: str, _: object) -> None:
        # Servers may otherwise send a .gz file as compressed text, and requests would unpack it.
        headers = {"Accept-Encoding": "identity"}
        with _Bar(file, Path(target)) as bar, suppress(_TooMuchError):
            pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, headers=headers)(url, target, None)
        size = Path(target).stat().st_size
        if size != file.size:
            with open(target, "rb") as received:
                kind = kind_of(Path(file.name), received).what
            found = f"{size:,}{' or more' if size > file.size else ''} ({kind})"
            raise DataError(f"{url}: expected {file.size:,} bytes; received {found}. Nothing was kept. {ways_out}")

    try:
        path = pooch.retrieve(url, f"sha256:{file.sha256}", file.name, folder, downloader=download)
    except ValueError as error:  # pooch: the hash is another
        raise DataError(
            f"{url}: expected sha256 {file.sha256}; received another. Nothing was kept. {ways_out}"
        ) from error
    except OSError as error:  # no connection, an HTTP status, no room, no permission
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 300)
        raise DataError(f"{url}: could not be fetched into {folder} ({reason}). {ways_out}") from error
    return Path(path)


class _TooMuchError(Exception):
    """More came than the file has."""


class _Bar:
    """A progress bar, on standard error where that is a terminal; it also ends a download that is too large.

    pooch sets `total`, calls `update` with what has come since, and at last `reset`, `update` with all, `close`.

    Args:
        file: what is downloaded.
        target: where to, for now.
    """

    def __init__(self, file: File, target: Path) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._task = self._progress.add_task(file.name, total=None)
        self._most, self._target = file.size, target

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @property
    def total(self) -> float | None:
        return self._progress.tasks[0].total

    @total.setter
    def total(self, total: float) -> None:
        self._progress.update(self._task, total=total or None)

    def update(self, size: int) -> None:
        self._progress.advance(self._task, size)
        if self._target.stat().st_size > self._most:
            raise _TooMuchError

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Nothing to do: the context manager ends it, after an error too."""

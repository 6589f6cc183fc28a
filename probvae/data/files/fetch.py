"""Files from the network: checked for size and sha256, then moved into the cache, or deleted."""

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
    """A published file.

    Args:
        name: its name on the server and in a folder, ending in `.gz`.
        size: in bytes.
        sha256: of the file.
        content: sha256 of the decompressed file, if known.
        npz: the name of a file with the same content, as one array `arr_0`.
    """

    name: str
    size: int
    sha256: str
    content: str = ""
    npz: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Its possible names in a folder."""
        names = self.name, self.name.removesuffix(".gz")
        return (*names, self.npz) if self.npz else names


def cache_folder(dataset: str) -> Path:
    """The folder of a dataset's files: in $PROBVAE_DATA, or in the user's cache."""
    root = os.environ.get(CACHE_VARIABLE) or pooch.os_cache("probvae")
    return Path(os.path.expanduser(root)) / dataset  # Path.expanduser may raise


def fetch(base: str, file: File, folder: Path, alternatives: str) -> Path:
    """The path of a file in the cache, downloaded first where it is missing or damaged.

    Args:
        base: the address of the folder with the file.
        file: the file.
        folder: the folder of the cache.
        alternatives: what else the user can do, for the error.

    Raises:
        DataError: it could not be downloaded, or its size or checksum is wrong; nothing is kept then.
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
            raise DataError(f"{url}: expected {file.size:,} bytes; got {found}. Nothing was kept. {alternatives}")

    try:
        path = pooch.retrieve(url, f"sha256:{file.sha256}", file.name, folder, downloader=download)
    except ValueError as error:  # pooch: the hash is another
        raise DataError(
            f"{url}: expected sha256 {file.sha256}; got another. Nothing was kept. {alternatives}"
        ) from error
    except OSError as error:  # no connection, an HTTP status, no room, no permission
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 300)
        raise DataError(f"{url}: could not be fetched into {folder} ({reason}). {alternatives}") from error
    return Path(path)


class _TooMuchError(Exception):
    """The server sent more bytes than the file has."""


class _Bar:
    """A progress bar, on standard error if that is a terminal; it also ends a download that is too large.

    pooch sets `total`, calls `update` with the bytes of each chunk, then `reset`, `update` with all, and `close`.

    Args:
        file: the file that is downloaded.
        target: its temporary path.
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
        """Do nothing: the context manager ends the bar, after an error too."""

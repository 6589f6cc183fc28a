"""Optuna, and its storages of studies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from probvae.errors import TemporaryError, UserError, from_extra
from probvae.runs.sweeps.definition import without_password

Optuna: TypeAlias = Any
"""The package, and what is from it: it is an extra."""


def optuna() -> Optuna:
    """The package optuna, which prints errors only.

    Raises:
        UserError: it is not installed.
    """
    package: Optuna = from_extra("optuna", "sweep", "A search is done")
    package.logging.set_verbosity(package.logging.ERROR)
    return package


@contextmanager
def storage_errors() -> Iterator[None]:
    """Convert the errors of a storage that cannot be reached any more.

    Raises:
        TemporaryError: it cannot.
    """
    try:
        yield
    except Exception as error:
        if not _is_of_a_storage(error):
            raise
        raise TemporaryError(
            f"The study of the search cannot be used: {' '.join(str(error).split())}. The same command continues."
        ) from error


def _is_of_a_storage(error: Exception) -> bool:
    """Whether an error is of the packages that keep studies."""
    return type(error).__module__.partition(".")[0] in ("optuna", "sqlalchemy")


def open_study(storage: str, name: str, pruner: Optuna, alone: bool) -> Optuna:
    """The study of a name in a storage, which is made if there is none.

    Args:
        storage: a database by its URL, or a journal file.
        name: of the study.
        pruner: of the study.
        alone: whether the storage is of one study: the study there is then the one, whatever its name.

    Raises:
        UserError: the storage cannot be opened, or what it holds is damaged.
        TemporaryError: it cannot be written.
    """
    opened = open_storage(storage)
    try:
        if alone:
            name = next(iter(optuna().get_all_study_names(opened)), name)
        return optuna().create_study(storage=opened, study_name=name, pruner=pruner, load_if_exists=True)
    except OSError as error:
        raise TemporaryError(
            f"{without_password(storage)} cannot be written: {error}. The same command continues."
        ) from error
    except _OF_DAMAGE as error:
        if _is_of_a_storage(error):
            raise
        raise _damaged(storage, error) from error


def open_storage(storage: str) -> Optuna:
    """A storage of Optuna: a database by its URL, or a journal file.

    Raises:
        UserError: Optuna is not installed, or the storage cannot be opened.
    """
    package = optuna()
    journal = package.storages.journal
    try:
        if "://" in storage:
            return package.storages.RDBStorage(storage)
        lock = journal.JournalFileOpenLock(storage)  # for NFS 3 and later, and without links, for Windows
        _remove_cut_line(Path(storage), lock)
        return package.storages.JournalStorage(journal.JournalFileBackend(storage, lock))
    except Exception as error:  # of Optuna, SQLAlchemy, or the driver of a database
        if "://" not in storage and isinstance(error, _OF_DAMAGE):
            raise _damaged(storage, error) from error
        raise UserError(
            f"--storage {without_password(storage)}: expected the URL of a database that Optuna can use, or a "
            f"journal file; got an error ({type(error).__name__}: {error})."
        ) from error


_OF_DAMAGE = (ValueError, LookupError, TypeError)
"""What Optuna raises where a line of a journal is not as it wrote it."""


def _damaged(storage: str, error: Exception) -> UserError:
    return UserError(
        f"{without_password(storage)}: expected the study of a search, as Optuna writes it; got a damaged one "
        f"({type(error).__name__}: {error}). Restore it from a copy, or choose a new folder with --out."
    )


def _remove_cut_line(file: Path, lock: Optuna) -> None:
    """Remove the last line of a journal if it was cut by a full disk: the next one would be appended to it.

    Its writer got an error, and nobody counts on it.
    """
    if not file.is_file():
        return
    lock.acquire()
    try:
        with file.open("rb+") as opened:
            content = opened.read()
            if content.startswith(_BEGINNING):  # another file is not touched
                opened.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


_BEGINNING = b'{"op_code"'
"""The beginning of a journal."""

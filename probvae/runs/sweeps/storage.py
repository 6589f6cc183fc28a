"""Optuna, and its storages of studies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
        if type(error).__module__.partition(".")[0] not in ("optuna", "sqlalchemy"):
            raise
        raise TemporaryError(
            f"The study of the search cannot be used: {' '.join(str(error).split())}. The same command continues."
        ) from error


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
        return package.storages.JournalStorage(journal.JournalFileBackend(storage, lock))
    except Exception as error:  # of Optuna, SQLAlchemy, or the driver of a database
        raise UserError(
            f"--storage {without_password(storage)}: expected the URL of a database that Optuna can use, or a "
            f"journal file; got an error ({type(error).__name__}: {error})."
        ) from error

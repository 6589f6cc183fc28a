"""One process at a time works on a run."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from probvae.errors import TemporaryError, UserError

LOCK, OWNER = ".lock", ".lock.json"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder.

    The lock is the operating system's and ends with the process, even if that is killed; a second file names the
    owner.

    Raises:
        TemporaryError: another process holds it.
        UserError: the folder cannot be written.
    """
    owner = folder / OWNER
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TemporaryError(
            f"{folder} is in use: {_described(owner)} is training it. Wait for that to end, or choose "
            "another folder with --out."
        ) from error
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}. Choose another with --out.") from error
    try:
        me = {"process": os.getpid(), "host": platform.node(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        owner.write_text(json.dumps(me))
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def is_in_use(folder: Path) -> bool:
    """Whether a process holds the lock of a run's folder, by what it wrote about itself: the lock is not touched.

    A process of another machine that was killed counts as one that runs.
    """
    try:
        found = json.loads((folder / OWNER).read_text())
        if found["host"] == platform.node():
            os.kill(found["process"], 0)  # which signals nothing
    except PermissionError:  # of another user
        return True
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return False
    return True


def _described(owner: Path) -> str:
    try:
        found = json.loads(owner.read_text())
        return f"process {found['process']} on {found['host']}, since {found['since']},"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"

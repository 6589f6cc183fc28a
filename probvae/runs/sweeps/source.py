"""Where the trials of a sweep come from: one at a time is taken, and given back with how it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from filelock import FileLock, Timeout

from probvae.core import Table
from probvae.training import Callback

RUNS, LOGS = "runs", "logs"
"""The folders of the runs, and of what their trainings print, in that of a sweep."""

_CLAIM = ".trial.lock"

Ended: TypeAlias = Literal["finished", "pruned", "failed"]
ENDED: tuple[Ended, ...] = get_args(Ended)


@dataclass(frozen=True)
class Record:
    """A trial as its source knows it.

    Args:
        number: from 0.
        settings: the values of the swept parameters.
        folder: of its run.
        ended: how it ended; None if it has not.
        reason: why it failed or was pruned.
        loss: the lowest validation loss, if the source knows it.
        begun: whether a process has taken it, on this machine or another.
    """

    number: int
    settings: Table
    folder: Path
    ended: Ended | None = None
    reason: str = ""
    loss: float | None = None
    begun: bool = False

    @property
    def log(self) -> Path:
        """The file of what its training prints."""
        return self.folder.parents[1] / LOGS / f"{self.folder.name}.txt"


@dataclass(frozen=True)
class Taken:
    """A trial that this process trains, and nobody else.

    Args:
        record: the trial.
        claim: the lock that says so; the operating system releases it if the process is killed.
        callbacks: of the training.
        end: takes how it ended, the reason, and the lowest validation loss.
    """

    record: Record
    claim: FileLock
    end: Callable[[Ended, str, float | None], None]
    callbacks: Sequence[Callback] = field(default=())


class Source(ABC):
    """The trials of a sweep. Several processes, on several machines, may take from it."""

    total: int
    """The number of trials."""

    @abstractmethod
    def records(self) -> list[Record]:
        """All trials so far, by number."""

    @abstractmethod
    def take(self) -> Taken | None:
        """A trial that is not finished and that nobody else trains; None if there is none."""


def claimed(folder: Path) -> FileLock | None:
    """The lock of a trial, held by this process; None if another holds it. The folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    claim = FileLock(folder / _CLAIM)
    try:
        claim.acquire(timeout=0)
    except Timeout:
        return None
    return claim

"""A grid: every combination of values is a trial. Its state is in the folders of the runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from probvae.core import from_json
from probvae.runs.folder import write
from probvae.runs.sweeps.definition import Definition
from probvae.runs.sweeps.ranges import folder_name
from probvae.runs.sweeps.source import RUNS, Ended, Record, Source, Taken, claimed

_END = ".trial.json"
"""The file in a run's folder that says how its trial ended."""


@dataclass(frozen=True)
class _End:
    """How a trial ended, and why."""

    ended: Ended
    reason: str


class Grid(Source):
    """The trials of a grid.

    Args:
        folder: of the sweep.
        definition: of the sweep, which has values by key.
    """

    def __init__(self, folder: Path, definition: Definition) -> None:
        self._trials = [
            Record(number, point, folder / RUNS / folder_name(number, point))
            for number, point in enumerate(definition.points())
        ]
        self.total = len(self._trials)

    def retry(self) -> None:
        """Forget which trials failed, so that they are trained again."""
        for trial in self.records():
            if trial.ended == "failed" and (claim := claimed(trial.folder)):
                (trial.folder / _END).unlink(missing_ok=True)
                claim.release()

    def records(self) -> list[Record]:
        """All trials, in the order of the values."""
        return [
            replace(trial, ended=end.ended, reason=end.reason) if (end := _read(trial.folder)) else trial
            for trial in self._trials
        ]

    def take(self) -> Taken | None:
        """The first trial that has not ended and that nobody else trains; None if there is none."""
        for trial in self._trials:
            if _read(trial.folder) or not (claim := claimed(trial.folder)):
                continue
            if not _read(trial.folder):  # it may have ended before the claim
                return Taken(trial, claim, lambda *end, folder=trial.folder: _write(folder, *end))
            claim.release()
        return None


def _read(folder: Path) -> _End | None:
    """How the trial in a folder ended; None if it has not."""
    try:
        return from_json(_End, (folder / _END).read_bytes())
    except (OSError, ValueError):
        return None


def _write(folder: Path, ended: Ended, reason: str, _: float | None) -> None:
    write(folder / _END, json.dumps(asdict(_End(ended, reason))))

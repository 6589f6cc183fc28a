"""What a sweep prints as it proceeds: a line for each trial that ends, and on a terminal a bar."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from probvae.report.numbers import with_error
from probvae.runs.sweeps.ranges import described
from probvae.runs.sweeps.results import Trial
from probvae.runs.sweeps.source import ENDED, Record
from probvae.training import Callback, Epoch


class Display:
    """The progress of a sweep.

    Args:
        console: where to print.
        total: the number of trials.
        before: the trials so far; those that have ended are not printed.
    """

    def __init__(self, console: Console, total: int, before: Sequence[Trial]) -> None:
        self._console = console
        self._total = total
        self._shown = {trial.number for trial in before if trial.status in ENDED}
        self._bar = Progress(
            TextColumn("trials"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, completed=len(self._shown), text="")

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def started(self, record: Record) -> list[Callback]:
        """Show the trial that this process trains; returns what follows its training."""
        self.text(f"trial {record.number}: {described(record.settings)}")
        return [_Following(self, record)]

    def is_new(self, records: Sequence[Record]) -> bool:
        """Whether a trial has ended that is not printed."""
        return any(record.ended and record.number not in self._shown for record in records)

    def update(self, trials: Sequence[Trial]) -> None:
        """Print the trials that have ended since."""
        for trial in sorted(trials, key=lambda trial: trial.number):
            if trial.status in ENDED and trial.number not in self._shown:
                self._shown.add(trial.number)
                line = f"[{len(self._shown)}/{self._total}] trial {trial.number}: {described(trial.settings)}"
                self._console.print(f"{line}  {_outcome(trial)}", markup=False, soft_wrap=True)
        self._bar.update(self._task, completed=len(self._shown))

    def text(self, text: str) -> None:
        """Show a text beside the bar."""
        self._bar.update(self._task, text=text)


def _outcome(trial: Trial) -> str:
    if trial.status != "finished" or trial.loss is None:
        return f"{trial.status}: {trial.reason}"
    bound = "" if trial.bound is None else f", log p(x) {with_error(trial.bound, trial.standard_error)}"
    return f"loss {trial.loss:.2f} after epoch {trial.best_epoch}{bound}"


class _Following(Callback):
    """Shows the epochs of a training beside the bar."""

    def __init__(self, display: Display, record: Record) -> None:
        self._display = display
        self._record = record

    def epoch_ended(self, epoch: Epoch) -> None:
        """Show the epoch's validation loss."""
        self._display.text(
            f"trial {self._record.number}: {described(self._record.settings)}, epoch {epoch.epoch}, "
            f"validation loss {epoch.validation['loss']:.2f}"
        )

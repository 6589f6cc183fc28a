"""Callbacks of a training, and the records that they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Progress within an epoch: the means of the loss and its terms over the latest steps, in nats per example."""

    epoch: int
    step: int
    steps_per_epoch: int
    means: dict[str, float]
    examples_per_second: float


@dataclass(frozen=True)
class Epoch:
    """A finished epoch: the means over it, and over the validation data with schedules at their end.

    Args:
        epoch: its number, from 1.
        step: the number of training steps so far.
        seconds: the time that its steps took.
        examples_per_second: the speed of its steps.
        learning_rate: that of the next step.
        train: the means of the loss and its terms over its steps, in nats per example.
        validation: the same over the validation data.
        best: whether its validation loss is the lowest so far.
        skipped: the number of steps skipped because a loss or gradient was not finite; None if that stops the
            training.
    """

    epoch: int
    step: int
    seconds: float
    examples_per_second: float
    learning_rate: float
    train: dict[str, float]
    validation: dict[str, float]
    best: bool
    skipped: int | None = None

    def record(self) -> dict[str, float]:
        """A flat row for a log."""
        row = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds}
        row |= {"examples_per_second": self.examples_per_second, "learning_rate": self.learning_rate}
        row |= {} if self.skipped is None else {"skipped": self.skipped}
        row |= {f"train/{name}": value for name, value in self.train.items()}
        return row | {f"validation/{name}": value for name, value in self.validation.items()}


class Callback:
    """Called by a `Trainer` as it proceeds. Override the methods of interest: each does nothing by default."""

    def started(self) -> None:
        """Training starts at its first step."""

    def resumed(self, epoch: int, step: int, complaints: Sequence[str]) -> None:
        """Training continues from a checkpoint.

        Args:
            epoch: the number of finished epochs.
            step: the number of finished steps.
            complaints: newer checkpoints that are invalid, and why.
        """

    def progress(self, progress: Progress) -> None:
        """Some steps are done."""

    def epoch_ended(self, epoch: Epoch) -> None:
        """An epoch is finished and validated, and will be saved next."""

    def stopped_early(self, epoch: int, best_epoch: int) -> None:
        """Training ends, as the validation loss has not improved for `patience` epochs."""

    def noted(self, note: str) -> None:
        """A message for the user."""

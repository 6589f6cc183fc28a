"""What a training tells whoever listens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where an epoch stands: the mean loss and terms of the latest steps, in nats per example."""

    epoch: int
    step: int
    steps_per_epoch: int
    means: dict[str, float]
    examples_per_second: float


@dataclass(frozen=True)
class Epoch:
    """A finished epoch: the means over it, and over the validation data with schedules at their end.

    Args:
        skipped: how many steps of the epoch were left out because a loss or gradient was not finite; None where
            that stops the training.
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
        """One flat row for a log."""
        row = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds}
        row |= {"examples_per_second": self.examples_per_second, "learning_rate": self.learning_rate}
        row |= {} if self.skipped is None else {"skipped": self.skipped}
        row |= {f"train/{name}": value for name, value in self.train.items()}
        return row | {f"validation/{name}": value for name, value in self.validation.items()}


class Callback:
    """Whoever wants to know how a training goes; each method does nothing until it is overridden."""

    def started(self) -> None:
        """Training begins with its first step."""

    def resumed(self, epoch: int, step: int, complaints: Sequence[str]) -> None:
        """Training goes on.

        Args:
            epoch: how many whole epochs are done.
            step: how many steps are done.
            complaints: which newer checkpoints were unusable, and why.
        """

    def progress(self, progress: Progress) -> None:
        """Some more steps are done."""

    def epoch_ended(self, epoch: Epoch) -> None:
        """An epoch is done and validated, and about to be saved."""

    def stopped_early(self, epoch: int, best_epoch: int) -> None:
        """The validation loss has not improved for as long as patience allows."""

    def noted(self, note: str) -> None:
        """Something else that a user would want to know."""

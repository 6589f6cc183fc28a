"""Stopping a training whose validation loss is worse than those of others."""

from __future__ import annotations

from collections.abc import Sequence

from probvae.errors import WorkError
from probvae.runs.sweeps.storage import Optuna
from probvae.training import Callback, Epoch, Progress


class PrunedError(WorkError):
    """A trial was stopped before its end, as others were better at the same epoch."""


class Pruning(Callback):
    """Reports each epoch's validation loss to Optuna, and stops the training where others were better.

    It stops with the first step of the next epoch, so that the last one is saved.

    Args:
        trial: Optuna's.
        known: the epochs that were reported before the training was interrupted.
    """

    def __init__(self, trial: Optuna, known: set[int]) -> None:
        self._trial = trial
        self._known = known
        self._pruned_after = 0

    def resumed(self, epoch: int, step: int, complaints: Sequence[str]) -> None:
        """Judge the last epoch before the interruption."""
        self._judge(epoch)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Report the epoch."""
        if epoch.epoch not in self._known:
            self._trial.report(epoch.validation["loss"], epoch.epoch)
        self._judge(epoch.epoch)

    def _judge(self, epoch: int) -> None:
        self._pruned_after = epoch if self._trial.should_prune() else 0

    def progress(self, progress: Progress) -> None:
        """Stop after an epoch that was judged so.

        Raises:
            PrunedError: most trials had a lower loss at that epoch.
        """
        if self._pruned_after:
            raise PrunedError(
                f"after epoch {self._pruned_after} its lowest validation loss was above the median of the others"
            )

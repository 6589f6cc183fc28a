"""Callbacks of a training: the log, TensorBoard, plugins."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from tensorboard.summary import Writer  # type: ignore[import-untyped]

from probvae.errors import PluginWarning
from probvae.registry import Registry
from probvae.runs.folder import Run, write
from probvae.training import Callback, Epoch


class MetricsLog(Callback):
    """Appends each epoch to metrics.jsonl; a resumed run continues after its checkpoint's epoch."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def started(self) -> None:
        """Drop the rows of a run that was killed before its first checkpoint."""
        self.run.metrics_file.unlink(missing_ok=True)

    def resumed(self, epoch: int, step: int, complaints: Sequence[str]) -> None:
        """Drop the rows of epochs that will be run again."""
        rows = [row for row in self.run.metrics() if row["epoch"] <= epoch]
        write(self.run.metrics_file, "".join(json.dumps(row) + "\n" for row in rows))

    def epoch_ended(self, epoch: Epoch) -> None:
        """Append a row."""
        with self.run.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(epoch.record()) + "\n")
            file.flush()
            os.fsync(file.fileno())  # before the checkpoint, after which the row would not be written again


class TensorBoard(Callback):
    """Writes each epoch's numbers as TensorBoard scalars.

    By TensorBoard's own writer, as that of TensorFlow is an operation among those of the training.
    """

    def __init__(self, folder: Path) -> None:
        self.writer = Writer(str(folder))

    def epoch_ended(self, epoch: Epoch) -> None:
        """Write the scalars at the epoch's last step."""
        for name, value in epoch.record().items():
            if name not in ("epoch", "step"):
                self.writer.add_scalar(name, value, epoch.step)
        self.writer.flush()


class PluginHooks(Callback):
    """Passes each epoch on to the plugins; a plugin that fails is a warning, and the training continues."""

    def __init__(self, registry: Registry, run: Run) -> None:
        self.registry = registry
        self.run = run

    def notify(self, hook: str, **arguments: object) -> None:
        """Call a hook of every plugin."""
        for failure in self.registry.notify(hook, run=self.run, **arguments):
            warnings.warn(failure, PluginWarning, stacklevel=2)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Call probvae_epoch_ended."""
        self.notify("probvae_epoch_ended", epoch=epoch.epoch, metrics=epoch.record())

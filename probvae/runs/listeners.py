"""Who listens to a training: the log, TensorBoard, plugins, and the person at the terminal."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from probvae.registry import Registry
from probvae.runs.folder import Run, write
from probvae.training import Epoch, Listener, Progress

LABELS = {"negative_log_likelihood": "nll", "negative_elbo": "-elbo", "beta": "β"}


class MetricsLog(Listener):
    """Appends each epoch to metrics.jsonl; a resumed run goes on after its checkpoint's epoch."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def resumed(self, epoch: int, complaints: Sequence[str]) -> None:
        """Drop the rows of epochs that will be run again."""
        rows = [row for row in self.run.metrics() if row["epoch"] <= epoch]
        write(self.run.metrics_file, "".join(json.dumps(row) + "\n" for row in rows))

    def epoch_ended(self, epoch: Epoch) -> None:
        """Append a row."""
        with self.run.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(epoch.record()) + "\n")


class TensorBoard(Listener):
    """Writes each epoch's numbers as TensorBoard scalars."""

    def __init__(self, folder: Path) -> None:
        self.writer = tf.summary.create_file_writer(str(folder))

    def epoch_ended(self, epoch: Epoch) -> None:
        """Write the scalars at the epoch's last step."""
        with self.writer.as_default():
            for name, value in epoch.record().items():
                if name not in ("epoch", "step"):
                    tf.summary.scalar(name, value, step=epoch.step)
        self.writer.flush()


class PluginHooks(Listener):
    """Passes each epoch on to the plugins; one that fails is told once an epoch and disturbs nothing."""

    def __init__(self, registry: Registry, run: Run) -> None:
        self.registry = registry
        self.run = run

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call a hook of every plugin."""
        for failure in self.registry.notify(hook, run=self.run, **arguments):
            warnings.warn(failure, stacklevel=2)

    def epoch_ended(self, epoch: Epoch) -> None:
        """Call probvae_epoch_ended."""
        self.notify("probvae_epoch_ended", epoch=epoch.epoch, metrics=epoch.record())


class Terminal(Listener):
    """A live bar on a terminal, and a line for each epoch everywhere."""

    def __init__(self, console: Console, epochs: int) -> None:
        self.console = console
        self.epochs = epochs
        self.bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=None, epoch=1, text="compiling the step")

    def __enter__(self) -> Terminal:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def resumed(self, epoch: int, complaints: Sequence[str]) -> None:
        """Say where training goes on, and which checkpoints were passed over."""
        for complaint in complaints:
            self.console.print(f"passed over: {complaint}", markup=False)
        self.console.print(f"Going on after epoch {epoch}.")

    def progress(self, progress: Progress) -> None:
        """Move the bar."""
        text = f"{terms(progress.means)}  {progress.images_per_second:,.0f} images/s"
        self.bar.update(
            self.task, completed=progress.step, total=progress.steps_per_epoch, epoch=progress.epoch, text=text
        )

    def epoch_ended(self, epoch: Epoch) -> None:
        """Print the epoch's line."""
        width = len(str(self.epochs))
        star = " *" if epoch.best else ""
        self.console.print(
            f"epoch {epoch.epoch:>{width}}/{self.epochs}  {terms(epoch.train)}  "
            f"validation {epoch.validation['loss']:.2f}{star}  {epoch.images_per_second:,.0f} images/s",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def stopped_early(self, epoch: int, best_epoch: int) -> None:
        """Say so."""
        self.console.print(f"Stopped after epoch {epoch}: the validation loss was best after epoch {best_epoch}.")


def terms(means: Mapping[str, float]) -> str:
    """The loss and its terms on one line.

    >>> terms({"loss": 250.0, "negative_log_likelihood": 240.0, "kl": 10.0, "beta": 1.0})
    'loss 250.00 (nll 240.00, kl 10.00, β 1.00)'
    """
    parts = ", ".join(f"{LABELS.get(name, name)} {value:.2f}" for name, value in means.items() if name != "loss")
    return f"loss {means['loss']:.2f} ({parts})"

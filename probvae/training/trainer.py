"""The generic trainer: steps in a compiled loop, validation and a checkpoint after each epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from probvae.core import (
    FINAL_STEP,
    VAE,
    Array,
    Data,
    Objective,
    Stream,
    Tensor,
    batch_means,
    fold_in,
    gradient_step,
    trainable_names,
)
from probvae.data.batches import Batches, chunks
from probvae.errors import CheckpointError, ProbvaeError, TrainingError, UserError
from probvae.training.checkpoint import newest_checkpoint, prune, restore, write
from probvae.training.settings import TrainSettings


@dataclass(frozen=True)
class Progress:
    """Where an epoch stands: the mean loss and terms of the latest steps, in nats per example."""

    epoch: int
    step: int
    steps_per_epoch: int
    means: dict[str, float]
    images_per_second: float


@dataclass(frozen=True)
class Epoch:
    """A finished epoch: the means over it, and over the validation data with schedules at their end."""

    epoch: int
    step: int
    seconds: float
    images_per_second: float
    learning_rate: float
    train: dict[str, float]
    validation: dict[str, float]
    best: bool

    def record(self) -> dict[str, float]:
        """One flat row for a log."""
        row = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds}
        row |= {"images_per_second": self.images_per_second, "learning_rate": self.learning_rate}
        row |= {f"train/{name}": value for name, value in self.train.items()}
        return row | {f"validation/{name}": value for name, value in self.validation.items()}


class Listener:
    """Whoever wants to know how a training goes; each method does nothing until it is overridden."""

    def resumed(self, epoch: int, complaints: Sequence[str]) -> None:
        """Training goes on after this epoch; the complaints say which newer checkpoints were unusable."""

    def progress(self, progress: Progress) -> None:
        """Some more steps are done."""

    def epoch_ended(self, epoch: Epoch) -> None:
        """An epoch is done and validated, and about to be saved."""

    def stopped_early(self, epoch: int, best_epoch: int) -> None:
        """The validation loss has not improved for as long as patience allows."""


class Trainer:
    """Minimises an objective on a dataset.

    Order, binarisation and latent noise are functions of the seed and the step, so a run that is resumed takes
    the same steps as one that was never stopped.

    Args:
        vae: the model.
        objective: what is minimised.
        data: the training and validation examples.
        settings: the [train] table.
        checkpoints: the folder for checkpoints; without one nothing is saved.
        listeners: whom to tell.
    """

    chunk = 16
    """How many steps are run between two looks at the clock."""

    def __init__(
        self,
        vae: VAE,
        objective: Objective,
        data: Data,
        settings: TrainSettings,
        checkpoints: Path | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        if not len(data.validation):
            raise UserError(
                "Expected at least one validation example, by which the best epoch is known; found none."
            )
        self.vae = vae
        self.objective = objective
        self.data = data
        self.settings = settings
        self.checkpoints = checkpoints
        self.listeners = listeners
        self.batches = Batches(data.train, settings.batch_size, settings.seed)
        self.optimizer = settings.optimizer(self.batches.steps_per_epoch)
        self.optimizer.build(vae.trainable_variables)
        self.step = 0
        self.best_loss = math.inf
        self.best_step = 0
        self._names = ("loss", *objective.terms)
        self._run = tf.function(self._steps)
        self._finite = tf.function(lambda values: tf.stack([tf.reduce_all(tf.math.is_finite(v)) for v in values]))
        self._evaluate = tf.function(self._validation_sums, reduce_retracing=True)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return self.step // self.batches.steps_per_epoch

    def resume(self) -> bool:
        """Go back to the newest usable checkpoint; False where there is none."""
        if self.checkpoints is None:
            return False
        checkpoint, complaints = newest_checkpoint(self.checkpoints)
        if checkpoint is None:
            if complaints:
                raise CheckpointError(" ".join(["No checkpoint is usable.", *complaints]))
            return False
        restore(checkpoint, self.vae, self.optimizer)
        self.step = checkpoint.step
        self.best_step = checkpoint.state["best_step"]
        self.best_loss = checkpoint.state["best_loss"]
        for listener in self.listeners:
            listener.resumed(self.epoch, complaints)
        return True

    def train(self) -> None:
        """Train until the epochs are done or the validation loss stops improving.

        Raises:
            TrainingError: a loss is not finite, or a variable is left out.
        """
        steps = self.batches.steps_per_epoch
        while self.epoch < self.settings.epochs:
            best_epoch = self.best_step // steps
            if self.settings.patience and self.epoch - best_epoch >= self.settings.patience:
                for listener in self.listeners:
                    listener.stopped_early(self.epoch, best_epoch)
                return
            self._train_epoch()

    def validate(self) -> dict[str, float]:
        """The means over the validation data of the loss and its terms, with schedules at their end."""
        total, count = np.zeros(len(self._names)), 0
        for number, x in enumerate(chunks(self.data.validation, self.settings.batch_size)):
            seed = fold_in(self.settings.seed, Stream.VALIDATION, number)
            with told_plainly():
                total += self._evaluate(x, seed).numpy()
            count += len(x)
        return self._named(total / count)

    def _train_epoch(self) -> None:
        began, first, steps = time.perf_counter(), self.step, self.batches.steps_per_epoch
        epoch = self.epoch + 1
        total = np.zeros(len(self._names))
        while self.step < first + steps:
            tick = time.perf_counter()
            count = min(self.chunk, first + steps - self.step)
            sums, examples = self._advance(count)
            total += sums
            speed = examples / (time.perf_counter() - tick)
            means = self._named(sums / examples)
            for listener in self.listeners:
                listener.progress(Progress(epoch, self.step - first, steps, means, speed))
        seconds = time.perf_counter() - began
        train = self._named(total / len(self.data.train))
        validation = self.validate()
        if not_finite := [f"validation {name}" for name, value in validation.items() if not math.isfinite(value)]:
            raise self._diverged(self.step - 1, not_finite)
        best = validation["loss"] < self.best_loss
        if best:
            self.best_loss, self.best_step = validation["loss"], self.step
        rate, speed = float(self.optimizer.learning_rate), len(self.data.train) / seconds
        done = Epoch(epoch, self.step, seconds, speed, rate, train, validation, best)
        # Told before it is saved: a run that dies in between takes the epoch again, and its row is dropped then.
        for listener in self.listeners:
            listener.epoch_ended(done)
        self._save()

    def _advance(self, count: int) -> tuple[Array, float]:
        """Take so many steps; the sums of loss and terms over their examples, and how many those were."""
        with told_plainly():
            sums, examples, bad, terms = self._run(tf.constant(self.step), tf.constant(self.step + count))
        self.step += count
        if int(bad) != FINAL_STEP:
            values = self._named(terms.numpy())
            raise self._diverged(int(bad), [name for name, value in values.items() if not math.isfinite(value)])
        if not_finite := self._variables_not_finite():
            raise self._diverged(self.step - 1, not_finite)
        return sums.numpy(), float(examples)

    def _steps(self, first: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Steps first to end: sums of loss and terms over examples, their count; the first bad step, its terms."""
        sums, examples = tf.zeros(len(self._names)), tf.constant(0.0)
        bad, bad_values = tf.constant(FINAL_STEP), tf.zeros(len(self._names))
        for step in tf.range(first, end):
            x = self.batches.batch(step)
            seed = fold_in(self.settings.seed, Stream.LATENT, step)
            means = gradient_step(self.vae, self.objective, self.optimizer, x, seed, step)
            values = self._stacked(means)
            count = tf.cast(tf.shape(x)[0], tf.float32)
            sums += values * count
            examples += count
            if bad == FINAL_STEP and not tf.reduce_all(tf.math.is_finite(values)):
                bad, bad_values = step, values
        return sums, examples, bad, bad_values

    def _validation_sums(self, x: Tensor, seed: Tensor) -> Tensor:
        means = batch_means(self.objective(self.vae, x, seed, tf.constant(FINAL_STEP)))
        return self._stacked(means) * tf.cast(tf.shape(x)[0], tf.float32)

    def _stacked(self, means: dict[str, Tensor]) -> Tensor:
        if set(means) != set(self._names):
            raise TrainingError(
                f"{type(self.objective).__name__}: expected the terms it declares, {', '.join(self._names[1:])}; "
                f"got {', '.join(name for name in means if name != 'loss') or 'none'}. Mend its `terms`."
            )
        return tf.stack([means[name] for name in self._names])

    def _variables_not_finite(self) -> list[str]:
        """The variables that hold infinities or NaNs: a gradient can be bad where the loss is not."""
        names = trainable_names(self.vae)
        finite = self._finite([variable.value for variable in names.values()]).numpy()
        return [name for name, good in zip(names, finite, strict=True) if not good]

    def _named(self, values: Array) -> dict[str, float]:
        return dict(zip(self._names, map(float, values), strict=True))

    def _save(self) -> None:
        if self.checkpoints is None:
            return
        state = {"step": self.step, "epoch": self.epoch, "best_step": self.best_step, "best_loss": self.best_loss}
        write(self.checkpoints, self.vae, self.optimizer, state)
        prune(self.checkpoints, keep={self.step, self.step - self.batches.steps_per_epoch, self.best_step})

    def _diverged(self, step: int, names: Sequence[str]) -> TrainingError:
        epoch = step // self.batches.steps_per_epoch + 1
        last = ""
        if self.checkpoints is not None:
            found, _ = newest_checkpoint(self.checkpoints)
            last = f"The last good checkpoint is {found.folder}. " if found else "No checkpoint was written yet. "
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        return TrainingError(
            f"Training stopped at step {step} (epoch {epoch}): not finite: {shown}. {last}"
            "Try a lower train.learning_rate, or train.clip_norm = 10."
        )


@contextmanager
def told_plainly() -> Iterator[None]:
    """Raise what probvae has to say about a traced function as it was said: autograph wraps it into a report."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ProbvaeError):
            cause = cause.__cause__ or cause.__context__
        if cause is None or cause is error:
            raise
        raise cause from None

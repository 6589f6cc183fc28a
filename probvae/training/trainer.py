"""The trainer: steps, validation after each epoch, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from probvae.core import VAE, Batch, Objective, Stream, fold_in, named_variables
from probvae.data.datasets.given import as_dataset
from probvae.data.feeding.batches import Batches, padded_batches
from probvae.errors import CheckpointError, ConfigError, UserError, explained_errors
from probvae.training.callbacks import Callback, Epoch, Progress
from probvae.training.checkpoint import WEIGHTS, CheckpointState, newest_checkpoint, restore, snapshot
from probvae.training.compilation import Compilation
from probvae.training.non_finite import Diagnosis, not_finite
from probvae.training.running_means import RunningMeans
from probvae.training.saver import Saver
from probvae.training.settings import TrainSettings
from probvae.training.steps import CompiledSteps, StepResults


class Trainer:
    """Minimises an objective on a dataset.

    Order, binarisation and latent noise are functions of the seed and the step, so a run that is resumed, in the
    middle of an epoch too, takes the same steps as one that was never stopped. Within the scope of a
    `tf.distribute` strategy the replicas share each batch; the model must have been made there.

    Args:
        vae: the model.
        objective: what is minimised.
        data: the training and validation examples: `Data`, a dataset, or an array and so on, as
            `probvae.data.as_dataset` takes it.
        settings: the [train] table.
        checkpoints: the folder for checkpoints; without one nothing is saved.
        callbacks: called as the training proceeds.
        run: identifies the run; it is not resumed from a checkpoint of another one.
        compilation: whether XLA compiles the step; None to decide it here.

    Raises:
        UserError: there are no validation examples, the replicas cannot share a batch evenly, or the model and the
            data differ in their conditions, labels are missing which the objective needs, or it does not train
            all that is trainable.
    """

    seconds_between_checks = 0.5
    """Seconds of training between checks for signals and progress output."""

    steps_between_checks = 16
    """The same in steps, where several workers train."""

    def __init__(
        self,
        vae: VAE,
        objective: Objective,
        data: object,
        settings: TrainSettings,
        checkpoints: Path | None = None,
        callbacks: Sequence[Callback] = (),
        run: str = "",
        compilation: Compilation | None = None,
    ) -> None:
        data = as_dataset(data).load()
        if not len(data.validation):
            raise UserError(
                "Expected at least one validation example, by which the best epoch is chosen; got none."
            )
        objective.check_training(vae, labelled=data.train.labels is not None and not data.train.missing_labels)
        vae.check_condition(data.info.condition)
        if not objective.classifier:
            data.check_conditions(("train", "validation"))
        self.vae = vae
        self.objective = objective
        self.data = data
        self.settings = settings
        self.checkpoints = checkpoints
        self.callbacks = callbacks
        self.run = run
        strategy = tf.distribute.get_strategy()
        self._several_workers = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self._saves = strategy.extended.should_checkpoint
        replicas = strategy.num_replicas_in_sync
        if settings.batch_size % replicas:
            near = max(1, round(settings.batch_size / replicas)) * replicas
            raise ConfigError(
                f"train: expected a batch_size that {replicas} replicas can share evenly; got "
                f"{settings.batch_size}. Set it to {near}.",
                parameter="batch_size",
            )
        self.batches = Batches(data.train, settings.batch_size, settings.seed, replicas=replicas)
        self.optimizer = settings.optimizer(self.batches.steps_per_epoch)
        self.optimizer.build(vae.trainable_variables)
        exchanges = objective.couples_rows and replicas > 1
        self.compilation = compilation or Compilation.of(settings.jit, vae, exchanges)
        self._diagnosis = Diagnosis(vae, objective, self.batches, settings, checkpoints, run)
        self.step = 0
        self.best_loss = math.inf
        self.best_step = 0
        self._steps = self._compiled(self.compilation.jit)
        self._epoch = RunningMeans(self._steps.names)
        self._stream: Iterator[Batch] | None = None
        self._step_seconds: float | None = None  # None before the first step, which is also traced
        self._stop_requested = False
        self._warmup_epochs = math.ceil(objective.warmup_steps / self.batches.steps_per_epoch)

    @property
    def epoch(self) -> int:
        """The number of finished epochs."""
        return self.step // self.batches.steps_per_epoch

    def resume(self) -> bool:
        """Restore the newest valid checkpoint; False if there is no checkpoint.

        Raises:
            CheckpointError: there are some, and none is valid, or it is of another model.
        """
        if self.checkpoints is None:
            return False
        checkpoint, complaints = newest_checkpoint(self.checkpoints, self.run)
        with explained_errors():
            agreed = self._steps.agree(checkpoint.step if checkpoint else -1)
        if not agreed:
            raise CheckpointError(
                f"{self.checkpoints}: expected all workers to resume from the same step; this one finds "
                f"{f'step {checkpoint.step}' if checkpoint else 'no checkpoint'}. They need one folder for all."
            )
        if checkpoint is None:
            if complaints:
                raise CheckpointError(" ".join(["No checkpoint is valid.", *complaints]))
            return False
        state = checkpoint.state
        self._epoch = RunningMeans.read(self._steps.names, state.totals)
        restore(checkpoint, self.vae, self.optimizer)
        self.step, self.best_step = state.step, state.best_step
        self.best_loss = math.inf if state.best_loss is None else state.best_loss
        self._stream = None
        for callback in self.callbacks:
            callback.resumed(self.epoch, self.step, complaints)
        return True

    def stop(self) -> None:
        """Request that training saves and returns after the current steps, for example from a signal handler."""
        self._stop_requested = True

    def train(self) -> bool:
        """Train until the epochs are done, the validation loss stops improving, or `stop` is called.

        Returns:
            Whether the training is finished; False after `stop`: `resume` continues it.

        Raises:
            TrainingError: a loss or gradient is not finite, a variable is left out, XLA cannot compile the step.
            CheckpointError: a checkpoint cannot be written.
            DataError: training examples that are read while training are damaged.
        """
        if self.step == 0:
            for callback in self.callbacks:
                callback.started()
        with Saver(self.checkpoints if self._saves else None, self.settings.keep) as saver:
            while self.step < self.settings.epochs * self.batches.steps_per_epoch:
                best_epoch = self.best_step // self.batches.steps_per_epoch
                waited = self.epoch - max(best_epoch, self._warmup_epochs)
                if self.settings.patience and waited >= self.settings.patience:
                    for callback in self.callbacks:
                        callback.stopped_early(self.epoch, best_epoch)
                    return True
                all_stop = self._advance()
                epoch_ends = self.step % self.batches.steps_per_epoch == 0
                if epoch_ends:
                    self._end_epoch()
                stop = all_stop or (self._stop_requested and not self._several_workers)
                if epoch_ends or stop or self._is_due(saver):
                    self._save(saver)
                saver.check()
                if stop:
                    return self.step == self.settings.epochs * self.batches.steps_per_epoch
            return True

    @explained_errors()
    def validate(self) -> dict[str, float]:
        """The means over the validation data of the loss and its terms, with schedules at their end."""
        totals = RunningMeans(self._steps.names)
        noise = fold_in(self.settings.seed, Stream.VALIDATION)
        for number, (batch, count) in enumerate(padded_batches(self.data.validation, self.batches.size, noise)):
            totals.add(self._steps.evaluate(batch, fold_in(noise, Stream.LATENT, number)), count)
        return totals.means()

    def _advance(self) -> bool:
        """Take some steps: for about `seconds_between_checks`, up to the epoch's end or the next checkpoint.

        Returns:
            Whether `stop` was called in one of the workers before them.
        """
        first, steps = self.step, self.batches.steps_per_epoch
        done = first % steps
        count = steps - done
        if every := self.settings.checkpoint_steps:
            count = min(count, every - done % every)
        if self._several_workers:
            # Workers exchange numbers in each step, so all of them must take equally many, however fast they are.
            count = min(count, self.steps_between_checks)
        elif self._step_seconds:
            count = min(count, max(1, int(self.seconds_between_checks / self._step_seconds)))
        else:
            count = 1
        began = time.perf_counter()
        means, applied, stop = self._run(count)
        seconds = time.perf_counter() - began
        traced = self._step_seconds is None  # a first step, whose time says little
        self._step_seconds = self.seconds_between_checks if traced else seconds / len(means)
        latest = RunningMeans(self._steps.names)
        for number, (row, moved) in enumerate(zip(means, applied, strict=True)):
            for totals in (self._epoch, latest):
                totals.add(row, self.batches.examples(first + number), moved)
        self._epoch.seconds += seconds
        if not applied.all() and self.settings.non_finite == "stop":
            self.step += len(means) - 1
            raise self._diagnosis.of_step(self.step, means[-1], self._steps)
        self.step += len(means)
        speed = latest.examples / seconds
        progress = Progress(first // steps + 1, done + len(means), steps, latest.means(), speed)
        for callback in self.callbacks:
            callback.progress(progress)
        return stop

    @explained_errors()
    def _run(self, count: int) -> StepResults:
        """Take steps; if XLA was chosen automatically and cannot compile them, without XLA."""
        if self._stream is None:
            self._stream = self.batches.stream(self.step)
        try:
            return self._steps.run(self._stream, self.step, count, self._stop_requested)
        except Exception as error:
            if (fault := self.batches.fault(error)) is not None:
                raise fault from None
            first = self._step_seconds is None  # later steps have been compiled already
            if not (first and self.compilation.jit and isinstance(error, tf.errors.OpError)):
                raise
            self.compilation = self.compilation.failed(error)
            for callback in self.callbacks:
                callback.noted(self.compilation.reason)
            self._steps = self._compiled(jit=False)
            self._stream = None
            return self._run(count)

    def _compiled(self, jit: bool) -> CompiledSteps:
        settings = self.settings
        skip_non_finite = settings.non_finite == "skip"
        return CompiledSteps(
            self.vae, self.objective, self.optimizer, settings.seed, settings.clip_norm, skip_non_finite, jit
        )

    def _end_epoch(self) -> None:
        """Validate, and report the epoch's means."""
        totals, self._epoch = self._epoch, RunningMeans(self._steps.names)
        if not totals.examples:
            raise self._diagnosis.of_epoch_without_steps(self.epoch)
        if bad := not_finite(named_variables(self.vae)):
            raise self._diagnosis.of_variables(self.step, bad)
        validation = self.validate()
        if bad := not_finite(validation):
            raise self._diagnosis.of_validation(self.epoch, bad)
        best = validation["loss"] < self.best_loss
        if best:
            self.best_loss, self.best_step = validation["loss"], self.step
        # Reported before it is saved: a run that is killed in between repeats the epoch, and replaces its row.
        ended = Epoch(
            epoch=self.epoch,
            step=self.step,
            seconds=totals.seconds,
            examples_per_second=totals.examples / totals.seconds,
            learning_rate=float(tf.convert_to_tensor(self.optimizer.learning_rate)),
            train=totals.means(),
            validation=validation,
            best=best,
            skipped=totals.skipped if self.settings.non_finite == "skip" else None,
        )
        for callback in self.callbacks:
            callback.epoch_ended(ended)

    def _is_due(self, saver: Saver) -> bool:
        """Whether it is time to save in the middle of an epoch."""
        every, minutes = self.settings.checkpoint_steps, self.settings.checkpoint_minutes
        if every and self.step % self.batches.steps_per_epoch % every == 0:
            return True
        return bool(minutes) and saver.age > 60 * minutes

    def _save(self, saver: Saver) -> None:
        arrays = snapshot(self.vae, self.optimizer)
        if bad := not_finite(arrays[WEIGHTS]):
            raise self._diagnosis.of_variables(self.step, bad)
        state = CheckpointState(
            run=self.run,
            step=self.step,
            epoch=self.epoch,
            best_step=self.best_step,
            best_loss=self.best_loss if math.isfinite(self.best_loss) else None,
            totals=self._epoch.state(),
        )
        saver.save(arrays, state)

"""The generic trainer: steps, validation after each epoch, checkpoints, and what happens when it cannot go on."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from probvae.core import (
    VAE,
    Array,
    Data,
    Objective,
    Stream,
    fold_in,
    losses_of,
    named_variables,
    trainable_names,
)
from probvae.data.feeding.batches import Batch, Batches, padded_batches
from probvae.errors import CheckpointError, ConfigError, TrainingError, UserError, explained_errors
from probvae.training.callbacks import Callback, Epoch, Progress
from probvae.training.checkpoint import WEIGHTS, CheckpointState, newest_checkpoint, restore, snapshot
from probvae.training.compilation import Compilation
from probvae.training.non_finite import (
    INITIALISE,
    NO_SLOPE,
    UNMOVED,
    last_good,
    listed,
    lower,
    not_finite,
    skip,
)
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
        data: the training and validation examples.
        settings: the [train] table.
        checkpoints: the folder for checkpoints; without one nothing is saved.
        callbacks: called as the training proceeds.
        run: what tells this run from others; a checkpoint of another one is not resumed from.

    Raises:
        UserError: there is nothing to validate on, or the replicas cannot share a batch.
    """

    seconds_between_checks = 0.5
    """Seconds of training between checks for signals and progress output."""

    steps_between_checks = 16
    """The same in steps, where several workers train."""

    def __init__(
        self,
        vae: VAE,
        objective: Objective,
        data: Data,
        settings: TrainSettings,
        checkpoints: Path | None = None,
        callbacks: Sequence[Callback] = (),
        run: str = "",
    ) -> None:
        if not len(data.validation):
            raise UserError(
                "Expected at least one validation example, by which the best epoch is known; got none."
            )
        self.vae = vae
        self.objective = objective
        self.data = data
        self.settings = settings
        self.checkpoints = checkpoints
        self.callbacks = callbacks
        self.run = run
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if settings.batch_size % replicas:
            near = max(1, round(settings.batch_size / replicas)) * replicas
            raise ConfigError(
                f"train: expected a batch_size that {replicas} replicas can share evenly; got "
                f"{settings.batch_size}. Take {near}.",
                parameter="batch_size",
            )
        self.batches = Batches(data.train, settings.batch_size, settings.seed, replicas=replicas)
        self.optimizer = settings.optimizer(self.batches.steps_per_epoch)
        self.optimizer.build(vae.trainable_variables)
        self.compilation = Compilation.of(settings.jit, vae, objective.couples_rows and replicas > 1)
        self.step = 0
        self.best_loss = math.inf
        self.best_step = 0
        self._steps = self._compiled(self.compilation.jit)
        self._epoch = RunningMeans(self._steps.names)
        self._stream: Iterator[Batch] | None = None
        self._pace: float | None = None  # seconds for a step; None before the first, which is also traced
        self._stop_asked = False

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return self.step // self.batches.steps_per_epoch

    @property
    def _in_a_group(self) -> bool:
        """Whether other processes take part, which must all do the same."""
        return isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)

    @explained_errors()
    def resume(self) -> bool:
        """Go back to the newest usable checkpoint; False where there is none.

        Raises:
            CheckpointError: there are some, and none is usable, or it is of another model.
        """
        if self.checkpoints is None:
            return False
        checkpoint, complaints = newest_checkpoint(self.checkpoints, self.run)
        if not self._steps.agree(checkpoint.step if checkpoint else -1):
            raise CheckpointError(
                f"{self.checkpoints}: expected all workers to resume from the same step; this one finds "
                f"{f'step {checkpoint.step}' if checkpoint else 'no checkpoint'}. They need one folder for all."
            )
        if checkpoint is None:
            if complaints:
                raise CheckpointError(" ".join(["No checkpoint is usable.", *complaints]))
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
        """Ask the training to save and to return after the steps that it is taking; from a signal, say."""
        self._stop_asked = True

    @explained_errors()
    def train(self) -> bool:
        """Train until the epochs are done, the validation loss stops improving, or `stop` is called.

        Returns:
            Whether the training is finished; False after `stop`, where `resume` goes on.

        Raises:
            TrainingError: a loss or gradient is not finite, a variable is left out, XLA cannot compile the step.
            CheckpointError: the disk does not take a checkpoint.
            DataError: training examples that are read as they are needed turn out to be damaged.
        """
        if self.step == 0:
            for callback in self.callbacks:
                callback.started()
        chief = tf.distribute.get_strategy().extended.should_checkpoint
        with Saver(self.checkpoints if chief else None, self.settings.keep) as saver:
            while self.step < self.settings.epochs * self.batches.steps_per_epoch:
                best_epoch = self.best_step // self.batches.steps_per_epoch
                if self.settings.patience and self.epoch - best_epoch >= self.settings.patience:
                    for callback in self.callbacks:
                        callback.stopped_early(self.epoch, best_epoch)
                    return True
                agreed = self._advance()
                whole = self.step % self.batches.steps_per_epoch == 0
                if whole:
                    self._end_epoch()
                stopping = agreed or (self._stop_asked and not self._in_a_group)
                if whole or stopping or self._is_due(saver):
                    self._save(saver)
                saver.check()
                if stopping:
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
            Whether somebody asked to stop before them, and all workers know it.
        """
        first, steps = self.step, self.batches.steps_per_epoch
        done = first % steps
        count = steps - done
        if every := self.settings.checkpoint_steps:
            count = min(count, every - done % every)
        if self._in_a_group:
            # Workers meet where they are in their loops, which must be equally long, however fast each of them is.
            count = min(count, self.steps_between_checks)
        else:
            count = min(count, max(1, int(self.seconds_between_checks / self._pace))) if self._pace else 1
        began = time.perf_counter()
        means, applied, asked = self._take(count)
        seconds = time.perf_counter() - began
        self._pace = self.seconds_between_checks if self._pace is None else seconds / len(means)
        latest = RunningMeans(self._steps.names)
        for number, (row, moved) in enumerate(zip(means, applied, strict=True)):
            for totals in (self._epoch, latest):
                totals.add(row, self.batches.examples(first + number), moved)
        self._epoch.seconds += seconds
        if not applied.all() and self.settings.non_finite == "stop":
            self.step += len(means) - 1
            raise self._diverged(means[-1])
        self.step += len(means)
        speed = latest.examples / seconds
        progress = Progress(first // steps + 1, done + len(means), steps, latest.means(), speed)
        for callback in self.callbacks:
            callback.progress(progress)
        return asked

    def _take(self, count: int) -> StepResults:
        """Take steps; where it was only a guess that XLA compiles them, without XLA if it does not."""
        if self._stream is None:
            self._stream = self.batches.stream(self.step)
        try:
            return self._steps.take(self._stream, self.step, count, self._stop_asked)
        except Exception as error:
            if (fault := self.batches.fault(error)) is not None:
                raise fault from None
            told_by_tensorflow = isinstance(error, tf.errors.OpError)
            if not (told_by_tensorflow and self.compilation.jit and self._pace is None):  # it did compile
                raise
            self.compilation = self.compilation.failed(error)
            for callback in self.callbacks:
                callback.noted(self.compilation.reason)
            self._steps = self._compiled(jit=False)
            self._stream = None
            return self._take(count)

    def _compiled(self, jit: bool) -> CompiledSteps:
        settings = self.settings
        skip_non_finite = settings.non_finite == "skip"
        return CompiledSteps(
            self.vae, self.objective, self.optimizer, settings.seed, settings.clip_norm, skip_non_finite, jit
        )

    def _end_epoch(self) -> None:
        """Validate, and tell the epoch's numbers."""
        totals, self._epoch = self._epoch, RunningMeans(self._steps.names)
        if not totals.examples:
            moved = lower(self.settings) if self.epoch > 1 else UNMOVED
            raise self._stopped(f"after epoch {self.epoch}: not one of its steps was finite.", moved)
        if bad := not_finite(named_variables(self.vae)):
            raise self._overflowed(bad)
        validation = self.validate()
        if bad := [f"validation {name}" for name, value in validation.items() if not math.isfinite(value)]:
            raise self._stopped(f"after epoch {self.epoch}: not finite: {listed(bad)}.", lower(self.settings))
        best = validation["loss"] < self.best_loss
        if best:
            self.best_loss, self.best_step = validation["loss"], self.step
        # Told before it is saved: a run that dies in between takes the epoch again, and its row is dropped then.
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
        """Whether the epoch has gone on for so long that it is saved in its middle."""
        every, minutes = self.settings.checkpoint_steps, self.settings.checkpoint_minutes
        if every and self.step % self.batches.steps_per_epoch % every == 0:
            return True
        return bool(minutes) and saver.age > 60 * minutes

    def _save(self, saver: Saver) -> None:
        arrays = snapshot(self.vae, self.optimizer)
        if bad := not_finite(arrays[WEIGHTS]):
            raise self._overflowed(bad)
        state = CheckpointState(
            run=self.run,
            step=self.step,
            epoch=self.epoch,
            best_step=self.best_step,
            best_loss=self.best_loss if math.isfinite(self.best_loss) else None,
            totals=self._epoch.state(),
        )
        saver.save(arrays, state)

    def _diverged(self, means: Array) -> TrainingError:
        """What to say of a step that is not finite: of the variables, the loss or the gradient."""
        if bad := not_finite(named_variables(self.vae)):
            return self._overflowed(bad)
        where = f"at step {self.step} (epoch {self._epoch_of(self.step)})"
        moved = lower(self.settings) if self.step else UNMOVED
        bad = [name for name, value in zip(self._steps.names, means, strict=True) if not math.isfinite(value)]
        if bad:
            return self._stopped(
                f"{where}: not finite: {listed(bad)}{self._culprits()}.", moved, skip(self.settings)
            )
        sizes = self._steps.gradient_sizes(self.batches.batch(self.step), self.step)
        by_name = dict(zip(self._gradient_names(), sizes, strict=True))
        if bad := not_finite(by_name):
            what = f"the loss is finite, and its gradient is not, to {listed(bad)}."
            return self._stopped(f"{where}: {what}", NO_SLOPE, skip(self.settings))
        largest = max(by_name, key=lambda name: float(by_name[name]))
        what = f"the norm of the gradient is too large for float32; it is largest to {largest}."
        return self._stopped(f"{where}: {what}", moved, skip(self.settings))

    def _culprits(self) -> str:
        """Which examples of the step make its loss not finite, in words; nothing if it is all of them or none."""
        count = self.batches.examples(self.step)
        (x, weights), seed = self.batches.batch(self.step), fold_in(self.settings.seed, Stream.LATENT, self.step)
        # In a graph, as the model refuses examples that are not finite where it sees their values.
        losses = tf.function(losses_of)(self.objective, self.vae, x, seed, tf.constant(self.step), weights)
        values = np.stack([losses.per_example, *losses.terms.values()])[:, :count]  # [terms, n]
        rows = self.batches.indices(self.step).numpy()[:count][~np.isfinite(values).all(axis=0)]
        if not 0 < len(rows) < count:
            return ""
        return f" in the training examples {listed([*map(self.batches.place, rows)])}"

    def _gradient_names(self) -> list[str]:
        """The names of the trainable variables, in the order of the gradients."""
        names = {id(variable): name for name, variable in trainable_names(self.vae).items()}
        return [names[id(variable)] for variable in self.vae.trainable_variables]

    def _overflowed(self, names: Sequence[str]) -> TrainingError:
        """What to say of variables that are not finite."""
        if self.step == 0:
            return self._stopped(f"before the first step: not finite: {listed(names)}.", INITIALISE)
        step = self.step - 1
        return self._stopped(
            f"after step {step} (epoch {self._epoch_of(step)}), whose gradient was too large or not finite: "
            f"it made {listed(names)} not finite.",
            lower(self.settings),
            skip(self.settings),
        )

    def _stopped(self, why: str, *ways_out: str) -> TrainingError:
        said = [f"Training stopped {why}", last_good(self.checkpoints, self.run), *filter(None, ways_out)]
        return TrainingError(" ".join(said))

    def _epoch_of(self, step: int) -> int:
        return step // self.batches.steps_per_epoch + 1

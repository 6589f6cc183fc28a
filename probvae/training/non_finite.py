"""Losses, gradients and variables that are not finite: which ones, where, and what may help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from probvae.core import (
    VAE,
    Array,
    Objective,
    Stream,
    Tensor,
    fold_in,
    named_variables,
    trainable_names,
    without_autograph,
)
from probvae.core.words import first_few
from probvae.data.feeding.batches import Batches
from probvae.errors import TrainingError, explained_errors
from probvae.training.checkpoint import newest_checkpoint
from probvae.training.settings import TrainSettings
from probvae.training.steps import CompiledSteps

INITIALISE = "Change how they are initialised."
FIRST = "No step has changed the model yet, so look at the data, the initial values and the loss itself."
NO_SLOPE = "Look for a root, a logarithm, a norm or a quotient at 0, where a value is finite and its slope is not."


def not_finite(values: Mapping[str, Tensor]) -> list[str]:
    """The names of the variables or numbers that contain infinities or NaNs."""
    return [name for name, value in values.items() if not np.all(np.isfinite(np.asarray(value)))]


@dataclass(frozen=True)
class Diagnosis:
    """Explains why a training cannot continue. Its methods return the error to raise.

    Args:
        vae: the model.
        objective: what is minimised.
        batches: the training batches.
        settings: the [train] table.
        checkpoints: the folder for checkpoints, or None.
        run: identifies the run.
    """

    vae: VAE
    objective: Objective
    batches: Batches
    settings: TrainSettings
    checkpoints: Path | None
    run: str

    @explained_errors()
    def of_step(self, step: int, means: Array, steps: CompiledSteps) -> TrainingError:
        """A step was not applied: its loss or its gradient is not finite.

        Args:
            step: the number of the step.
            means: of the loss and its terms in that step.
            steps: computes the gradient.
        """
        if bad := not_finite(named_variables(self.vae)):
            return self.of_variables(step, bad)
        where = f"at step {step} (epoch {self._epoch_of(step)})"
        smaller = self._smaller_steps() if step else FIRST
        if bad := not_finite(dict(zip(steps.names, means, strict=True))):
            return self._stopped(
                f"{where}: not finite: {first_few(bad)}{self._rows(step)}.", smaller, self._skip()
            )
        sizes = steps.gradient_sizes(self.batches.batch(step), step)
        names = {id(variable): name for name, variable in trainable_names(self.vae).items()}
        by_name = {names[id(v)]: size for v, size in zip(self.vae.trainable_variables, sizes, strict=True)}
        if bad := not_finite(by_name):
            what = f"the loss is finite, and its gradient is not, for {first_few(bad)}."
            return self._stopped(f"{where}: {what}", NO_SLOPE, self._skip())
        largest = max(by_name, key=lambda name: float(by_name[name]))
        what = f"the norm of the gradient is too large for float32; it is largest for {largest}."
        return self._stopped(f"{where}: {what}", smaller, self._skip())

    def of_variables(self, step: int, names: Sequence[str]) -> TrainingError:
        """Some variables are not finite after `step` steps."""
        if step == 0:
            return self._stopped(f"before the first step: not finite: {first_few(names)}.", INITIALISE)
        return self._stopped(
            f"after step {step - 1} (epoch {self._epoch_of(step - 1)}), whose gradient was too large or not "
            f"finite: it made {first_few(names)} not finite.",
            self._smaller_steps() if step > 1 else FIRST,
            NO_SLOPE,
            self._skip(),
        )

    def of_epoch_without_steps(self, epoch: int) -> TrainingError:
        """All steps of an epoch were skipped."""
        smaller = self._smaller_steps() if epoch > 1 else FIRST
        return self._stopped(f"after epoch {epoch}: none of its steps was finite.", smaller)

    def of_validation(self, epoch: int, names: Sequence[str]) -> TrainingError:
        """Means over the validation data are not finite."""
        bad = [f"validation {name}" for name in names]
        return self._stopped(f"after epoch {epoch}: not finite: {first_few(bad)}.", self._smaller_steps())

    def _rows(self, step: int) -> str:
        """The examples of a step whose losses are not finite, in words; empty if that is all of them or none."""
        count = self.batches.examples(step)
        batch, seed = self.batches.batch(step), fold_in(self.settings.seed, Stream.LATENT, step)
        # In a graph, as the model refuses examples that are not finite where it sees their values.
        compiled = tf.function(without_autograph(self.objective.__call__, self.vae, self.objective))
        losses = compiled(self.vae, batch, seed, tf.constant(step))
        values = np.stack([losses.per_example, *losses.terms.values()])[:, :count]  # [terms, n]
        rows = self.batches.indices(step).numpy()[:count][~np.isfinite(values).all(axis=0)]
        if not 0 < len(rows) < count:
            return ""
        return f" in the training examples {first_few([*map(self.batches.place, rows)])}"

    def _smaller_steps(self) -> str:
        rate, clip = self.settings.learning_rate, self.settings.clip_norm
        norm = f"a lower train.clip_norm than {clip:g}" if clip else "train.clip_norm = 10"
        return f"Try a lower train.learning_rate than {rate:g}, or {norm}."

    def _skip(self) -> str:
        if self.settings.non_finite == "skip":
            return ""
        return 'train.non_finite = "skip" skips such steps and counts them.'

    def _stopped(self, why: str, *fixes: str) -> TrainingError:
        return TrainingError(" ".join([f"Training stopped {why}", self._last_good(), *filter(None, fixes)]))

    def _last_good(self) -> str:
        if self.checkpoints is None:
            return "Nothing was saved, as there is no folder for checkpoints."
        found, _ = newest_checkpoint(self.checkpoints, self.run)
        return f"The last good checkpoint is {found.folder}." if found else "No checkpoint was written yet."

    def _epoch_of(self, step: int) -> int:
        return step // self.batches.steps_per_epoch + 1

"""Compiled training steps, on one device or on several that share each batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from probvae.core import (
    FINAL_STEP,
    VAE,
    Array,
    Objective,
    Seed,
    Stream,
    Tensor,
    fold_in,
    gradients_and_means,
    losses_of,
)
from probvae.data.feeding.batches import Batch
from probvae.errors import TrainingError


class StepResults(NamedTuple):
    """The results of some training steps.

    Args:
        means: of the loss and its terms, a row for each step, in nats per example.
        applied: for each step, whether the model has moved: not where the loss or a term is not finite, nor,
            if gradients are looked at, where the gradient is not.
        asked: whether a worker was asked to stop; the last of these steps is then the last of all workers.
    """

    means: Array
    applied: Array
    asked: bool


class CompiledSteps:
    """Training steps of a model.

    Each replica takes its rows of the batch; gradients and means are summed over all of them, so that a step is
    the same, to the order of summation, however many there are.

    Args:
        vae: the model.
        objective: what is minimised.
        optimizer: what applies the gradients; it clips nothing.
        seed: what the latent noise is a function of, beside the step.
        clip_norm: the largest global norm of a gradient; 0 for any.
        skip_non_finite: skip a step whose loss or gradient is not finite, and continue. Otherwise the steps end at
            a loss that is not finite; what a bad gradient does to the variables shows in the next loss.
        jit: whether the step is compiled by XLA.
    """

    def __init__(
        self,
        vae: VAE,
        objective: Objective,
        optimizer: keras.optimizers.Optimizer,
        seed: Seed,
        clip_norm: float = 0.0,
        skip_non_finite: bool = False,
        jit: bool = False,
    ) -> None:
        self._vae = vae
        self._objective = objective
        self._optimizer = optimizer
        self._seed = seed
        self._clip_norm = clip_norm
        self._skip_non_finite = skip_non_finite
        self._strategy = tf.distribute.get_strategy()
        self.names = ("loss", *objective.terms)
        # What several replicas exchange cannot be compiled; alone, the whole step is.
        self._fused = jit and self._strategy.num_replicas_in_sync == 1
        self._descend = tf.function(self._descended, jit_compile=True) if self._fused else self._descended
        self._gradients = tf.function(self._local, jit_compile=True) if jit and not self._fused else self._local
        self._run = tf.function(self._many)
        self._evaluate = tf.function(self._evaluated)

    def take(self, batches: Iterator[Batch], first: int, count: int, stop: bool = False) -> StepResults:
        """Take so many steps from the step `first` on, or fewer.

        Args:
            batches: from the same step on.
            first: the number of the first step.
            count: how many steps, if none is not finite and no worker is asked to stop.
            stop: whether this worker is asked to stop; all of them do after the same step.
        """
        end, asked = tf.constant(first + count), tf.constant(float(stop))
        means, applied, taken, asked = self._run(batches, tf.constant(first), end, asked)
        taken = int(taken)
        return StepResults(means.numpy()[:taken], applied.numpy()[:taken], bool(asked))

    def agree(self, number: int) -> bool:
        """Whether all replicas have the same number."""
        replicas = self._strategy.num_replicas_in_sync

        def total(value: Tensor) -> Tensor:
            return self._first(self._strategy.run(lambda: self._total(tf.identity(value))))

        sums = tf.function(total)(tf.constant([number, number**2], tf.float64))
        return sums.numpy().tolist() == [number * replicas, number**2 * replicas]

    def gradient_sizes(self, batch: Batch, step: int) -> Array:
        """The largest absolute value in the gradient to each trainable variable; infinite if one is not finite.

        Args:
            batch: that of the step.
            step: the number of a step, which is not taken.
        """

        def size(gradient: Tensor) -> Tensor:
            return tf.reduce_max(tf.where(tf.math.is_finite(gradient), tf.abs(gradient), np.inf))

        def in_each(batch: Batch, seed: Tensor, step: Tensor) -> Tensor:
            gradients, _ = self._gradients(self._share(batch), seed, step)
            return tf.stack([size(gradient) for gradient in self._total(gradients)])

        def sizes(*arguments: Tensor) -> Tensor:
            return self._first(self._strategy.run(in_each, arguments))

        seed = fold_in(self._seed, Stream.LATENT, step)
        found: Array = tf.function(sizes, jit_compile=self._fused)(batch, seed, tf.constant(step)).numpy()
        return found

    def evaluate(self, batch: Batch, seed: Tensor) -> Array:
        """The means of the loss and its terms on a batch, with schedules at their end."""
        means: Array = self._evaluate(batch, seed).numpy()
        return means

    def _many(self, batches: Iterator[Batch], first: Tensor, end: Tensor, stop: Tensor) -> tuple[Tensor, ...]:
        means = tf.TensorArray(tf.float32, end - first, element_shape=(len(self.names),))
        applied = tf.TensorArray(tf.bool, end - first, element_shape=())
        step, going, asked = first, tf.constant(True), stop
        while going and step < end:
            seed = fold_in(self._seed, Stream.LATENT, step)  # XLA would make another one
            values, finite, asked = self._descend(next(batches), seed, step, stop)
            means = means.write(step - first, values)
            applied = applied.write(step - first, finite)
            going = (finite or self._skip_non_finite) and asked == 0
            step += 1
        return means.stack(), applied.stack(), step - first, asked

    def _descended(self, batch: Batch, seed: Tensor, step: Tensor, stop: Tensor) -> tuple[Tensor, ...]:
        """One step: the means, whether the model has moved, which takes finite ones, and who is asked to stop."""
        gradients, values, finite, asked = self._strategy.run(self._replica_gradients, (batch, seed, step, stop))
        finite = self._first(finite)
        if self._fused:
            self._apply_or_undo(gradients, finite)
        elif finite:
            self._strategy.run(self._apply, (gradients,))
        else:
            self._strategy.run(self._pass_over)
        return self._first(values), finite, self._first(asked)

    def _apply(self, gradients: list[Tensor]) -> None:
        """In each replica: move the model by the sum of the replicas' gradients."""
        self._optimizer.apply(gradients, self._vae.trainable_variables)

    def _pass_over(self) -> None:
        """In each replica: count a step that is left out, as the learning rate is a function of the step."""
        self._optimizer.iterations.assign_add(1)

    def _apply_or_undo(self, gradients: list[Tensor], finite: Tensor) -> None:
        """For XLA, which fuses this into one pass over each variable, and for a condition would copy them all."""
        kept = [v for v in self._optimizer.variables if v is not self._optimizer.iterations]  # as `_pass_over`
        variables = [v.value for v in (*self._vae.trainable_variables, *kept)]
        before = [tf.convert_to_tensor(variable) for variable in variables]
        self._apply(gradients)
        for variable, old in zip(variables, before, strict=True):
            variable.assign(tf.where(finite, variable, old))

    def _replica_gradients(self, batch: Batch, seed: Tensor, step: Tensor, stop: Tensor) -> tuple[Tensor, ...]:
        """In each replica: its part of the gradient, the means of the whole batch, whether they seem finite."""
        gradients, values = self._gradients(self._share(batch), seed, step)
        summed = self._total(tf.concat([values, [stop]], axis=0))
        values, asked = summed[:-1], summed[-1]
        finite = tf.reduce_all(tf.math.is_finite(values))
        if self._clip_norm or self._skip_non_finite:  # not always: it costs a dense model a twentieth of its speed
            gradients = self._total(gradients)
            norm = tf.linalg.global_norm(gradients)
            finite &= tf.math.is_finite(norm)
            if self._clip_norm:
                gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm, use_norm=norm)
            gradients = [gradient / self._strategy.num_replicas_in_sync for gradient in gradients]
        return gradients, values, finite, asked

    def _local(self, batch: Batch, seed: Tensor, step: Tensor) -> tuple[list[Tensor], Tensor]:
        """What a replica's rows add to the gradient and to the means."""
        x, weights = batch
        gradients, means = gradients_and_means(
            self._vae, lambda: losses_of(self._objective, self._vae, x, seed, step, weights), weights
        )
        return gradients, self._stacked(means)

    def _evaluated(self, batch: Batch, seed: Tensor) -> Tensor:
        return self._first(self._strategy.run(self._replica_means, (batch, seed)))

    def _replica_means(self, batch: Batch, seed: Tensor) -> Tensor:
        x, weights = self._share(batch)
        losses = losses_of(self._objective, self._vae, x, seed, tf.constant(FINAL_STEP), weights)
        return self._total(self._stacked(losses.means(weights)))

    def _share(self, batch: Batch) -> Batch:
        """A replica's rows of a batch."""
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync == 1:
            return batch
        size = batch.x.shape[0] // context.num_replicas_in_sync
        start = context.replica_id_in_sync_group * size
        return Batch(*(tf.ensure_shape(v[start : start + size], (size, *v.shape[1:])) for v in batch))

    def _total(self, values: Tensor) -> Tensor:
        """The sum of something over the replicas."""
        context = tf.distribute.get_replica_context()
        return values if context.num_replicas_in_sync == 1 else context.all_reduce("SUM", values)

    def _first(self, value: Tensor) -> Tensor:
        """What every replica has the same."""
        return self._strategy.experimental_local_results(value)[0]

    def _stacked(self, means: dict[str, Tensor]) -> Tensor:
        if set(means) != set(self.names):
            raise TrainingError(
                f"{type(self._objective).__name__}: expected the terms it declares, {', '.join(self.names[1:])}; "
                f"got {', '.join(name for name in means if name != 'loss') or 'none'}. Mend its `terms`."
            )
        return tf.stack([means[name] for name in self.names])

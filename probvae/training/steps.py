"""Compiled training steps, on one device or on several that share each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
import tensorflow as tf

from probvae.core import (
    FINAL_STEP,
    VAE,
    Array,
    Batch,
    Objective,
    Replicas,
    Seed,
    Stream,
    Tensor,
    fold_in,
    gradients_and_means,
    without_autograph,
)
from probvae.errors import TrainingError
from probvae.training.adam import Adam

P = ParamSpec("P")
T = TypeVar("T")


class StepResults(NamedTuple):
    """The results of some training steps.

    Args:
        means: of the loss and its terms, a row for each step, in nats per example.
        applied: for each step, whether it changed the model: not if the loss or a term is not finite, nor,
            where gradients are checked, if the gradient is not.
        stop: whether a worker asked to stop; then the last of these steps is the last one of all workers.
    """

    means: Array
    applied: Array
    stop: bool


class CompiledSteps:
    """Training steps of a model, in graphs.

    Each replica takes its rows of the batch. Gradients and means are summed over all of them, so that a step is
    the same for any number of replicas, up to the order of summation.

    Args:
        vae: the model.
        objective: what is minimised.
        optimizer: applies the gradients; it clips nothing.
        seed: what the latent noise is a function of, with the step.
        clip_norm: the largest global norm of a gradient; 0 for any.
        skip_non_finite: skip a step whose loss or gradient is not finite, and continue. Otherwise the steps end at
            a loss that is not finite; what a bad gradient does to the variables shows in the next loss.
        jit: whether XLA compiles the step.
    """

    def __init__(
        self,
        vae: VAE,
        objective: Objective,
        optimizer: Adam,
        seed: Seed,
        clip_norm: float = 0.0,
        skip_non_finite: bool = False,
        jit: bool = False,
    ) -> None:
        self._vae = vae
        self._objective = objective
        self._optimizer = optimizer
        self._noise = without_autograph(partial(fold_in, seed, Stream.LATENT))
        self._clip_norm = clip_norm
        self._skip_non_finite = skip_non_finite
        self._strategy = tf.distribute.get_strategy()
        self.names = ("loss", *objective.terms)
        # XLA cannot compile what several replicas exchange. On one, it compiles the whole step.
        self._whole_by_xla = jit and self._strategy.num_replicas_in_sync == 1
        self._gradients_by_xla = jit and not self._whole_by_xla
        self._take = _by_xla(self._ours(self._step), self._whole_by_xla)
        self._differentiate = _by_xla(self._ours(self._gradients), self._gradients_by_xla)
        self._evaluation = tf.function(self._ours(self._means))

    def run(self, batches: Iterator[Batch], first: int, count: int, stop: bool = False) -> StepResults:
        """Take `count` steps, or fewer: until one is not finite, or a worker asks to stop.

        Args:
            batches: those of step `first` and of the following ones.
            first: the number of the first step.
            count: the largest number of steps.
            stop: whether this worker asks to stop; all of them do so after the same step.
        """
        bounds = tf.constant(first), tf.constant(first + count)
        means, applied, stops = self._loop(batches, *bounds, tf.constant(float(stop)))
        return StepResults(means.numpy(), applied.numpy(), bool(stops))

    @tf.function
    def _loop(self, batches: Iterator[Batch], first: Tensor, end: Tensor, stop: Tensor) -> tuple[Tensor, ...]:
        means = tf.TensorArray(tf.float32, end - first, element_shape=(len(self.names),))
        applied = tf.TensorArray(tf.bool, end - first, element_shape=())
        step, going, stops = first, tf.constant(True), stop
        while going and step < end:
            seed = self._noise(step)  # outside of `_step`: XLA folds in another way
            values, finite, stops = self._take(next(batches), seed, step, stop)
            means = means.write(step - first, values)
            applied = applied.write(step - first, finite)
            going = (finite or self._skip_non_finite) and stops == 0
            step += 1
        taken = step - first
        return means.stack()[:taken], applied.stack()[:taken], stops

    def _step(self, batch: Batch, seed: Tensor, step: Tensor, stop: Tensor) -> tuple[Tensor, ...]:
        """Take a step: the means of the batch, whether it was applied, and how many replicas ask to stop."""

        def in_each_replica(batch: Batch, seed: Tensor, step: Tensor, stop: Tensor) -> tuple[Tensor, ...]:
            replicas = Replicas.here()
            gradients, means = self._differentiate(replicas.share(batch), seed, step)
            means, stops = replicas.sum((means, stop))
            finite = tf.reduce_all(tf.math.is_finite(means))
            if self._clip_norm or self._skip_non_finite:  # the norm costs a dense model a twentieth of its speed
                gradients = replicas.sum(gradients)
                norm = tf.linalg.global_norm(gradients)
                finite &= tf.math.is_finite(norm)
                if self._clip_norm:
                    gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm, use_norm=norm)
                gradients = [gradient / replicas.count for gradient in gradients]  # the optimizer sums them
            self._optimizer.apply_if(finite, gradients, self._vae.trainable_variables)
            return means, finite, stops

        return tuple(map(self._local, self._strategy.run(in_each_replica, (batch, seed, step, stop))))

    def _gradients(self, batch: Batch, seed: Tensor, step: Tensor) -> tuple[list[Tensor], Tensor]:
        """What the rows of a batch add to the gradient and to the means."""
        gradients, means = gradients_and_means(
            self._vae, lambda: self._objective(self._vae, batch, seed, step), batch.weights
        )
        return gradients, self._stacked(means)

    def evaluate(self, batch: Batch, seed: Tensor) -> Array:
        """The means of the loss and its terms on a batch, with schedules at their end."""
        means: Array = self._evaluation(batch, seed).numpy()
        return means

    def _means(self, batch: Batch, seed: Tensor) -> Tensor:
        def in_each_replica(batch: Batch, seed: Tensor) -> Tensor:
            replicas = Replicas.here()
            own = replicas.share(batch)
            losses = self._objective(self._vae, own, seed, tf.constant(FINAL_STEP))
            return replicas.sum(self._stacked(losses.means(own.weights)))

        return self._local(self._strategy.run(in_each_replica, (batch, seed)))

    def gradient_sizes(self, batch: Batch, step: int) -> Array:
        """The largest absolute value in the gradient of each trainable variable; infinite if one is not finite.

        Args:
            batch: that of the step.
            step: the number of a step, which is not taken.
        """

        def size(gradient: Tensor) -> Tensor:
            return tf.reduce_max(tf.where(tf.math.is_finite(gradient), tf.abs(gradient), np.inf))

        def in_each_replica(batch: Batch, seed: Tensor, step: Tensor) -> Tensor:
            replicas = Replicas.here()
            gradients, _ = self._differentiate(replicas.share(batch), seed, step)
            return tf.stack([size(gradient) for gradient in replicas.sum(gradients)])

        def sizes(*arguments: Tensor) -> Tensor:
            return self._local(self._strategy.run(in_each_replica, arguments))

        seed = self._noise(step)
        compiled = tf.function(self._ours(sizes), jit_compile=self._whole_by_xla)
        found: Array = compiled(batch, seed, tf.constant(step)).numpy()
        return found

    def agree(self, number: int) -> bool:
        """Whether all replicas have the same number."""

        def total(values: Tensor) -> Tensor:
            return self._local(self._strategy.run(lambda values: Replicas.here().sum(values), (values,)))

        sums = tf.function(self._ours(total))(tf.constant([number, number**2], tf.float64)).numpy()
        replicas = self._strategy.num_replicas_in_sync
        return bool((sums == [number * replicas, number**2 * replicas]).all())

    def _ours(self, function: Callable[P, T]) -> Callable[P, T]:
        """A function of this class, without AutoGraph unless the model or the objective are of others."""
        return without_autograph(function, self._vae, self._objective)

    def _local(self, value: Tensor) -> Tensor:
        """The value of a replica of this process, of what is the same in all of them."""
        return self._strategy.experimental_local_results(value)[0]

    def _stacked(self, means: dict[str, Tensor]) -> Tensor:
        if set(means) != set(self.names):
            expected = ", ".join(self.names[1:]) or "none"
            got = ", ".join(name for name in means if name != "loss") or "none"
            raise TrainingError(
                f"{type(self._objective).__name__}: expected the terms it declares, {expected}; got {got}. "
                "Correct its `terms`."
            )
        return tf.stack([means[name] for name in self.names])


def _by_xla(function: Callable[..., Tensor], jit: bool) -> Callable[..., Tensor]:
    """A function, compiled by XLA if `jit`."""
    return tf.function(function, jit_compile=True) if jit else function

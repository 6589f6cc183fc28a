"""The Keras half of a model: `compile`, `fit`, `evaluate` and `predict`, by the same step as the trainer's."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, NoReturn, Protocol

import keras
import tensorflow as tf

from probvae.core.batch import Batch
from probvae.core.component import Component
from probvae.core.condition import as_conditions
from probvae.core.copying import NotSerialized
from probvae.core.examples import as_examples, as_numbers, asserted, check_examples, is_array, plain_assertions
from probvae.core.losses import FINAL_STEP, Losses
from probvae.core.seeds import Stream, as_seed, fold_in
from probvae.core.step import gradient_step
from probvae.core.types import Factory, Seed, Shape, Tensor
from probvae.core.values import REAL, DataValues
from probvae.errors import UserError

_SAME_WEIGHT = "expected none, as all examples have the same weight; got some. Leave it out."


class Minimized(Protocol):
    """The part of an objective that `fit` uses."""

    @property
    def terms(self) -> tuple[str, ...]:
        """The names of the terms that a call returns."""

    def check(self, vae: Any) -> None:
        """Check that it can be used with a model."""

    def check_training(self, vae: Any) -> None:
        """Check that it trains all variables of a model that are trainable."""

    def __call__(self, vae: Any, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a training step."""


class KerasModel(NotSerialized, keras.Model):
    """A `keras.Model` that minimises an objective, and checks the examples that it gets.

    A conditional model takes the conditions [B, C] where Keras has y, as in `fit(x, condition)`.

    Attributes:
        event_shape: E, the shape of an example.
        condition_dim: C, the size of a condition; 0 if it takes none.
        takes_rows: whether its prior leaves training examples out by their row numbers.
        classifier: of the classes that are the conditions, if it has one.
    """

    event_shape: Shape
    condition_dim: int
    takes_rows: bool
    classifier: Component | None
    _objective: Any = None  # once compiled

    @property
    def support(self) -> DataValues:
        """The values that an example can take."""
        raise NotImplementedError

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        objective: Minimized | None = None,
        seed: int = 0,
        jit_compile: bool = False,
        **options: object,
    ) -> None:
        """Choose the optimizer and the objective for `fit`.

        Args:
            optimizer: as in Keras.
            objective: what to minimise, such as `probvae.ELBO()`.
            seed: the latent noise is a function of it and of the step.
            jit_compile: compile the step with XLA; on CPUs this makes convolutions slower.
            options: further options of `keras.Model.compile`, such as `run_eagerly`.

        Raises:
            UserError: there is no objective, it cannot be used with this model, or an option has no effect here.
        """
        if objective is None or isinstance(objective, type) or getattr(objective, "kind", "") != "objective":
            raise UserError(
                f"compile: expected objective=..., a probvae.Objective; got {objective!r}. Make one of a class in "
                "probvae.objectives."
            )
        objective.check(self)
        objective.check_training(self)
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if options.get(name):
                raise UserError(
                    f"compile: expected no {name}, as the objective defines what is minimised and reported; "
                    f"got {options[name]!r}. Leave it out."
                )
        as_seed(seed)
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **options)
        self.optimizer.build(self.trainable_variables)  # not in the first step, which may be refused
        self._objective = objective
        self._seed = seed
        self._means = {name: keras.metrics.Mean(name=name, dtype="float64") for name in ("loss", *objective.terms)}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running means of the loss and its terms, reset by Keras at each epoch."""
        return list(self._means.values()) if self._objective else []

    def fit(self, x: Tensor = None, *arguments: object, **options: object) -> keras.callbacks.History:
        """Train on x [B, *E] or batches of it, as in Keras.

        An array is checked before the first step. Batches of a dataset are checked as they are read, but not with
        XLA (`jit_compile=True`).

        Raises:
            ShapeError: x, or the conditions of a conditional model, have another shape.
            UserError: an element of x is not finite, or outside of the support of the likelihood; or conditions
                are missing, not finite, or with a classifier not one-hot.
        """
        return self._with_checks(super().fit, self.support, x, *arguments, **options)

    def evaluate(self, x: Tensor = None, *arguments: object, **options: object) -> Tensor:
        """The mean loss and its terms on x [B, *E] or batches of it, as in Keras; checks x as `fit` does."""
        return self._with_checks(super().evaluate, self.support, x, *arguments, **options)

    def predict(self, x: Tensor, *arguments: object, **options: object) -> Tensor:
        """Reconstructions of x [B, *E] or batches of it, with a fixed seed; x may take any finite values.

        Raises:
            UserError: the model is conditional, and Keras passes no condition; use `reconstruct`.
        """
        if self.condition_dim:
            raise UserError(
                "predict: expected a model without a condition, as Keras passes only x; got a conditional one. "
                "Use reconstruct(x, condition=...)."
            )
        return self._with_checks(super().predict, REAL, x, *arguments, **options)

    def train_on_batch(self, x: Tensor, *arguments: object, **options: object) -> Tensor:
        """One step on a batch x [B, *E], as in Keras; checks x as `fit` does."""
        return self._with_checks(super().train_on_batch, self.support, x, *arguments, **options)

    def test_on_batch(self, x: Tensor, *arguments: object, **options: object) -> Tensor:
        """The mean loss of a batch x [B, *E] and its terms, as in Keras; checks x as `fit` does."""
        return self._with_checks(super().test_on_batch, self.support, x, *arguments, **options)

    def _with_checks(self, method: Factory, support: DataValues, *arguments: object, **options: object) -> Tensor:
        """Call a method of Keras, after a check of the arrays in its arguments."""
        given = inspect.signature(method).bind(*arguments, **options)
        weights = [name for name in ("sample_weight", "class_weight") if given.arguments.get(name) is not None]
        if weights:
            raise UserError(f"{weights[0]}: {_SAME_WEIGHT}")
        x, y = self._checked(given.arguments["x"], given.arguments.get("y"), support)
        given.arguments |= {"x": x} if y is None else {"x": x, "y": y}
        validation = given.arguments.get("validation_data")
        if isinstance(validation, tuple):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(validation)
            x, y = self._checked(x, y, support)
            given.arguments["validation_data"] = x, y, *validation[2:]
        elif validation is not None:
            given.arguments["validation_data"], _ = self._checked(validation, None, support)
        with plain_assertions(self.event_shape):
            return method(*given.args, **given.kwargs)

    def _checked(self, x: Tensor, y: Tensor, support: DataValues) -> tuple[Tensor, Tensor]:
        """An array or a tensor of examples, and their conditions where Keras has y; batches as they are."""
        if not is_array(x):
            return x, y
        x = as_numbers(x)
        check_examples(x, self.event_shape, support)
        if not len(x):
            raise UserError("x: expected at least one example; got none.")
        return x, self._conditions(y, len(x))

    def _conditions(self, y: Tensor, count: int | None) -> Tensor:
        """Conditions [B, C], checked; y as it is if the model takes none, which ignores it."""
        if not self.condition_dim:
            return y
        return as_conditions(y, self.condition_dim, count, labels=self.classifier is not None)

    def save(self, *arguments: object, **options: object) -> NoReturn:
        """Raise, as `get_config` does, before a file is made."""
        self.get_config()

    def export(self, filepath: str | Path, *arguments: object, **options: object) -> None:
        """Write a SavedModel of the reconstruction, as in Keras.

        Raises:
            UserError: the model is conditional, and Keras exports a function of x only.
        """
        if self.condition_dim:
            raise UserError(
                "export: expected a model without a condition, as Keras exports a function of x only; got a "
                "conditional one. Train it as a run and use probvae export, whose functions take a condition."
            )
        options.setdefault("input_signature", [keras.InputSpec("float32", (None, *self.event_shape))])
        super().export(filepath, *arguments, **options)

    def train_step(self, data: Tensor) -> dict[str, Tensor]:
        """One step on a batch: x, or a tuple that begins with it; of a conditional model, (x, condition).

        Raises:
            UserError: the prior leaves training examples out, and Keras does not say which examples these are.
        """
        if self.takes_rows:
            raise UserError(
                "fit: expected a prior that does not leave training examples out, as Keras passes no row numbers; "
                "got one that does, and would fit the examples themselves. Use probvae.train or the Trainer, or "
                "the prior 'vamp'."
            )
        batch = self._inputs(data)
        step = tf.convert_to_tensor(self.optimizer.iterations.value)
        seed = fold_in(self._seed, Stream.LATENT, step)
        means = gradient_step(self, lambda: self._objective(self, batch, seed, step), self.optimizer)
        return self._track(means, tf.shape(batch.x)[0])

    def test_step(self, data: Tensor) -> dict[str, Tensor]:
        """The objective of a batch, its schedules at their end."""
        batch = self._inputs(data)
        step = tf.constant(FINAL_STEP, tf.int32)
        seen = self._means["loss"].count  # the number of examples before: another seed for each batch
        seed = fold_in(self._seed, Stream.VALIDATION, seen.value)
        means = self._objective(self, batch, seed, step).means()
        return self._track(means, tf.shape(batch.x)[0])

    def _inputs(self, data: Tensor) -> Batch:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        if weight is not None:
            raise UserError(f"sample_weight: {_SAME_WEIGHT}")
        x = asserted(as_examples(x, self.event_shape), self.support)
        return Batch(x, self._conditions(y, x.shape[0]) if self.condition_dim else None)

    def _track(self, means: dict[str, Tensor], count: Tensor) -> dict[str, Tensor]:
        for name, value in means.items():
            self._means[name].update_state(value, sample_weight=tf.cast(count, tf.float32))
        return {name: metric.result() for name, metric in self._means.items()}

"""The [train] table of a spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import keras
from annotated_types import Ge, Le

from probvae.core import Checked, FilePath, Positive, PositiveFloat
from probvae.errors import ConfigError
from probvae.training.adam import Adam
from probvae.training.compilation import Jit


@dataclass(frozen=True)
class TrainSettings(Checked):
    """How a model is trained: Adam (Kingma and Ba, 2015) on minibatches.

    Args:
        epochs: the largest number of passes over the training data.
        batch_size: the number of examples in a step; the last batch of an epoch may have fewer.
        learning_rate: the step size of Adam, or its maximum if a schedule changes it.
        schedule: "constant", or "cosine", a decay to 0 over all epochs.
        warmup_steps: with the cosine schedule, the number of steps in which the learning rate first rises
            from 0.
        clip_norm: the largest global norm of a gradient; larger gradients are scaled down. 0 clips nothing.
        patience: stop after this number of epochs without a better validation loss, counted from the end of the
            objective's warm-up. 0 never stops early.
        non_finite: at a loss or gradient that is not finite, "stop", or "skip" the step and count it.
        precision: of the layers in encoders and decoders, "float32" or "mixed_bfloat16"; "auto" is the faster one
            on this machine. Variables, outputs of networks, distributions and losses are always float32.
        jit: true compiles the step with XLA, false does not; "auto" where that is faster: on GPUs, and for models
            without convolutions.
        checkpoint_steps: also save a checkpoint after this number of steps within an epoch; 0 disables this.
        checkpoint_minutes: also save this number of minutes after the last checkpoint. 0 does not.
        keep: the number of newest checkpoints to keep, in addition to that of the best epoch.
        init_from: warm start from the run in this folder: its weights are matched by name; "" for none.
        freeze: the parts whose weights are not trained, of "encoder", "decoder", "prior" and "classifier"; it
            needs init_from.
        seed: the initial weights, the order of the data and all noise are a function of it.

    Raises:
        ConfigError: a setting is out of its bounds, or has no effect with another one.
    """

    epochs: Positive = 20
    batch_size: Positive = 128
    learning_rate: PositiveFloat = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: Annotated[int, Ge(0)] = 0
    clip_norm: Annotated[float, Ge(0)] = 0.0
    patience: Annotated[int, Ge(0)] = 0
    non_finite: Literal["stop", "skip"] = "stop"
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "float32"
    jit: Jit = "auto"
    checkpoint_steps: Annotated[int, Ge(0)] = 0
    checkpoint_minutes: Annotated[float, Ge(0)] = 10.0
    keep: Positive = 2
    init_from: FilePath = ""
    freeze: tuple[Literal["encoder", "decoder", "prior", "classifier"], ...] = ()
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    def __post_init__(self) -> None:
        if self.warmup_steps and self.schedule == "constant":
            raise ConfigError(
                f"train: warmup_steps = {self.warmup_steps} has no effect with schedule = 'constant'. "
                "Set schedule = 'cosine', or leave warmup_steps out.",
                parameter="warmup_steps",
            )
        if self.freeze and not self.init_from:
            raise ConfigError(
                f"train: freeze = {list(self.freeze)} without init_from would freeze untrained weights. Name the "
                "run to start from, or leave freeze out.",
                parameter="freeze",
            )

    def check(self, steps_per_epoch: int) -> None:
        """Compare the schedule with the length of the training.

        Raises:
            ConfigError: the warm-up is as long as the training.
        """
        steps = self.epochs * steps_per_epoch
        if self.warmup_steps >= steps:
            raise ConfigError(
                f"train: expected warmup_steps below the training's {steps} steps; got {self.warmup_steps}.",
                parameter="warmup_steps",
            )

    def optimizer(self, steps_per_epoch: int) -> Adam:
        """Adam with the learning rate as a function of the step; gradients are clipped before it sees them."""
        self.check(steps_per_epoch)
        rate = self.learning_rate
        if self.schedule == "cosine":
            steps = self.epochs * steps_per_epoch
            rate = keras.optimizers.schedules.CosineDecay(
                0.0 if self.warmup_steps else self.learning_rate,
                decay_steps=steps - self.warmup_steps,
                warmup_target=self.learning_rate if self.warmup_steps else None,
                warmup_steps=self.warmup_steps,
            )
        return Adam(rate)

"""Whether XLA compiles a model's step, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import keras
import tensorflow as tf

from probvae.core import VAE
from probvae.errors import ConfigError, TrainingError

Jit: TypeAlias = Literal["auto", True, False]

CONVOLUTIONS = (
    keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D,
    keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D, keras.layers.SeparableConv2D,
)  # fmt: skip


@dataclass(frozen=True)
class Compilation:
    """A decision about XLA.

    Args:
        jit: whether the step is compiled.
        automatic: whether jit = "auto" chose that.
        reason: why, in a phrase.
    """

    jit: bool
    automatic: bool
    reason: str

    def __str__(self) -> str:
        return f"{'compiled' if self.jit else 'not compiled'} by XLA ({self.reason})"

    @classmethod
    def of(cls, wanted: Jit, vae: VAE, exchanges: bool = False) -> Compilation:
        """The decision for a model: XLA is fast on GPUs and for dense models, slow for convolutions on CPUs.

        Args:
            wanted: train.jit.
            vae: the model.
            exchanges: whether a loss takes numbers of several replicas, which XLA cannot compile.

        Raises:
            ConfigError: jit is true, and XLA cannot compile the loss.
        """
        if exchanges and wanted is True:
            raise ConfigError(
                'train: expected jit = "auto" or false, as the objective couples the rows of a batch and several '
                "devices share it, which XLA cannot compile; got true.",
                parameter="jit",
            )
        if exchanges and wanted == "auto":
            return cls(False, True, "the objective couples rows of several devices, which XLA cannot compile")
        if wanted != "auto":
            return cls(wanted, False, f"as train.jit = {str(wanted).lower()} says")
        if tf.config.list_physical_devices("GPU"):
            return cls(True, True, "on a GPU")
        if any(isinstance(layer, CONVOLUTIONS) for layer in vae._flatten_layers()):
            return cls(False, True, "XLA is slow at convolutions on CPUs")
        return cls(True, True, "no convolutions")

    def failed(self, error: tf.errors.OpError) -> Compilation:
        """The decision after XLA has failed.

        Raises:
            TrainingError: jit is true.
        """
        why = str(error.message).strip().partition("\n")[0]
        if not self.automatic:
            raise TrainingError(
                f'XLA cannot compile this model: {why} Set train.jit = "auto" or false.'
            ) from error
        return Compilation(False, True, f"Continuing without XLA, which cannot compile this model: {why}")

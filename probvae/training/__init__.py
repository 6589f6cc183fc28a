"""Training: the loop, its checkpoints and callbacks."""

from probvae.training.callbacks import Callback, Epoch, Progress
from probvae.training.checkpoint import (
    Checkpoint,
    best_checkpoint,
    check_resumable,
    newest_checkpoint,
    restore,
    weights_only,
)
from probvae.training.compilation import Compilation
from probvae.training.devices import Devices, is_chief, select_devices
from probvae.training.precision import faster_precision
from probvae.training.settings import TrainSettings
from probvae.training.trainer import Trainer
from probvae.training.warm_start import WarmStart, warm_start

__all__ = [
    "Checkpoint",
    "Compilation",
    "Epoch",
    "Callback",
    "Progress",
    "TrainSettings",
    "Devices",
    "Trainer",
    "WarmStart",
    "best_checkpoint",
    "check_resumable",
    "faster_precision",
    "is_chief",
    "newest_checkpoint",
    "restore",
    "select_devices",
    "warm_start",
    "weights_only",
]

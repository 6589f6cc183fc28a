"""Training: the loop, its checkpoints, and what it tells whoever listens."""

from probvae.training.checkpoint import Checkpoint, best_checkpoint, newest_checkpoint, restore
from probvae.training.settings import TrainSettings
from probvae.training.trainer import Epoch, Listener, Progress, Trainer

__all__ = [
    "Checkpoint",
    "Epoch",
    "Listener",
    "Progress",
    "TrainSettings",
    "Trainer",
    "best_checkpoint",
    "newest_checkpoint",
    "restore",
]

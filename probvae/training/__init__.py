"""Training: the loop, its checkpoints, and what it tells whoever listens."""

from probvae.training.checkpoint import Checkpoint, best_checkpoint, newest_checkpoint, restore
from probvae.training.compilation import Compilation
from probvae.training.devices import Team, team
from probvae.training.events import Epoch, Listener, Progress
from probvae.training.settings import TrainSettings
from probvae.training.trainer import Trainer
from probvae.training.transfer import Transfer, transfer

__all__ = [
    "Checkpoint",
    "Compilation",
    "Epoch",
    "Listener",
    "Progress",
    "TrainSettings",
    "Team",
    "Trainer",
    "Transfer",
    "best_checkpoint",
    "newest_checkpoint",
    "restore",
    "team",
    "transfer",
]

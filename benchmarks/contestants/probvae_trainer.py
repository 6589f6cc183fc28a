"""The trainer of probvae with everything on: its checks, its metrics, its checkpoints. A turn is an epoch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np

from benchmarks.reference import EVENT, MODELS
from benchmarks.turns import Turns
from probvae import BINARY, Data, DataInfo, Split
from probvae.core import trainable_names
from probvae.objectives import ELBO
from probvae.training import Callback, Epoch, Trainer, TrainSettings

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


class AfterEachEpoch(Callback):
    """Ends the turn, and waits for the next."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def epoch_ended(self, epoch: Epoch) -> None:
        """Say what the turn has given."""
        self._turns.begin(seconds=self._turns.seconds(), loss=float(epoch.train["loss"]))


def main() -> None:
    turns = Turns()
    task = turns.task
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(PRECISIONS[task["precision"]])
    images = np.load(task["images"])[: task["steps"] * task["batch"]]
    train = Split(images, divide_by=255.0, binarize_on_read=True)
    few = Split(images[: task["batch"]], divide_by=255.0, binarize_on_read=True)
    data = Data(DataInfo(EVENT, BINARY, (len(train), len(few), len(few)), "", ""), train, few, few)
    vae = MODELS[task["model"]]()
    settings = TrainSettings(epochs=10_000, batch_size=task["batch"])
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(vae, ELBO(), data, settings, Path(folder), [AfterEachEpoch(turns)])
        turns.begin(parameters=int(sum(np.prod(v.shape) for v in trainable_names(vae).values())))
        trainer.train()


if __name__ == "__main__":
    main()

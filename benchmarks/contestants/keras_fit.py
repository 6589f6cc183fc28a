"""`Model.fit` of Keras with its own settings."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.contestants.plain_keras import batches, loss, prepared
from benchmarks.turns import Turns


class Autoencoder(keras.Model):
    """A VAE whose loss is added by itself."""

    def __init__(self, encoder: keras.Sequential, decoder: keras.Sequential) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The loss of a batch."""
        value = loss(self.encoder, self.decoder, x)
        self.add_loss(value)
        return value


def main() -> None:
    turns = Turns()
    task = turns.task
    encoder, decoder, variables = prepared(task)
    model = Autoencoder(encoder, decoder)
    model.compile(keras.optimizers.Adam(1e-3))
    dataset = batches(np.load(task["images"]), task["batch"])
    facts: dict[str, float] = {"parameters": int(sum(np.prod(variable.shape) for variable in variables))}
    while True:
        turns.begin(**facts)
        history = model.fit(dataset, steps_per_epoch=task["steps"], verbose=0)
        facts = {"seconds": turns.seconds(), "loss": history.history["loss"][0]}


if __name__ == "__main__":
    main()

"""A hand-written loop of TensorFlow, tuned: tf.data, steps inside of one tf.function, XLA where it is faster.

With the argument `eager` it is the loop of the recipe instead: a step at a time, without a tf.function.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from benchmarks.contestants.plain_keras import batches, loss, prepared
from benchmarks.turns import Turns


def main() -> None:
    turns = Turns()
    task = turns.task
    encoder, decoder, variables = prepared(task)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(variables)

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(encoder, decoder, x)
        optimizer.apply(tape.gradient(value, [variable.value for variable in variables]), variables)
        return value

    compiled = tf.function(step, jit_compile=task["model"] != "conv")

    @tf.function
    def many(stream: Iterator[tf.Tensor], count: tf.Tensor) -> tf.Tensor:
        total = 0.0
        for _ in tf.range(count):
            total += compiled(next(stream))
        return total

    def one_by_one(stream: Iterator[tf.Tensor], count: int) -> tf.Tensor:
        return sum(step(next(stream)) for _ in range(count))

    run = one_by_one if "eager" in sys.argv[1:] else many
    stream, steps = iter(batches(np.load(task["images"]), task["batch"])), task["steps"]
    facts: dict[str, float] = {"parameters": int(sum(np.prod(variable.shape) for variable in variables))}
    while True:
        turns.begin(**facts)
        total = float(run(stream, tf.constant(steps) if run is many else steps))
        facts = {"seconds": turns.seconds(), "loss": total / steps}


if __name__ == "__main__":
    main()

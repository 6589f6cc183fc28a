"""Functions of examples that several devices compute at the same time, each for examples of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import tensorflow as tf

from probvae.core import VAE, Replicas, Tensor, apart, without_autograph


class Shared:
    """A function whose calls the replicas of the current strategy share: as many at a time as there are replicas.

    Each replica computes a call as if it were alone, so that the results are those of one device. Where the
    replicas are those of several processes, all of them make the same calls, and get the results of all.

    Args:
        function: of tensors, or tuples of tensors and None, whose shapes are the same in all calls that are made
            at a time; it returns a tensor, or several by name.
        vae: the model that it computes with.

    Attributes:
        count: R, the number of replicas.
    """

    def __init__(self, function: Callable[..., Any], vae: VAE) -> None:
        self._function = function
        self._strategy = tf.distribute.get_strategy()
        self.count: int = self._strategy.num_replicas_in_sync
        # A partial is a function of its own: of functions with the same code TensorFlow counts the traces
        # together, and warns that they are many once a process has evaluated five models.
        self._compiled = tf.function(partial(without_autograph(self._results, vae)), reduce_retracing=True)

    def __call__(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The results of at most R calls with these arguments, in their order: arrays, or arrays by name."""
        idle = self.count - len(calls)
        results = self._compiled([*calls, *[calls[-1]] * idle])
        arrays = tf.nest.map_structure(lambda values: values.numpy(), results)
        return [tf.nest.map_structure(itemgetter(number), arrays) for number in range(len(calls))]

    def _results(self, calls: list[tuple[Any, ...]]) -> Any:
        """The results of R calls, stacked: [R, ...]."""
        if self.count == 1:
            return tf.nest.map_structure(lambda values: values[None], self._function(*calls[0]))
        stacked = tf.nest.map_structure(_stacked, *calls)
        found = self._strategy.run(self._in_each_replica, (stacked,))
        return tf.nest.map_structure(lambda each: self._strategy.experimental_local_results(each)[0], found)

    def _in_each_replica(self, stacked: tuple[Any, ...]) -> Any:
        replicas = Replicas.here()
        own = tf.nest.map_structure(lambda values: None if values is None else values[replicas.number], stacked)
        with apart():
            found = self._function(*own)
        return tf.nest.map_structure(lambda values: replicas.gather(values[None]), found)


def _stacked(*each: Tensor) -> Tensor:
    return None if each[0] is None else tf.stack(each)

"""Free the memory that TensorFlow Probability keeps of traced functions."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp


def free_traces() -> None:
    """Free the graphs of functions that have been traced, once nothing else needs them.

    TFP caches the output of a bijector for its input, in one table for all bijectors, as long as the output
    exists. In a graph the cached input refers to the output, so that neither is freed, nor the graph. The cache
    is needed only while a function is traced; during a trace this does nothing.
    """
    if tf.inside_function():
        return
    table = tfp.bijectors.Bijector._cache.storage
    for reference in list(table):
        if any(hasattr(tensor, "graph") for tensor in tf.nest.flatten(reference())):  # eager tensors have none
            table.pop(reference, None)

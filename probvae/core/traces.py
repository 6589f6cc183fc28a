"""Memory that TensorFlow Probability keeps of traced functions, and how it is freed."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp


def free_traces() -> None:
    """Free the graphs of functions that have been traced, once nothing else needs them.

    TFP remembers the output of a bijector for its input, in one table for all bijectors, for as long as the output
    exists. In a graph the remembered input leads back to the output, so that neither is freed, nor the graph. The
    table is of use only while a function is traced; within a trace this does nothing.
    """
    if tf.inside_function():
        return
    table = tfp.bijectors.Bijector._cache.storage
    for reference in list(table):
        if any(hasattr(tensor, "graph") for tensor in tf.nest.flatten(reference())):  # eager tensors have none
            table.pop(reference, None)

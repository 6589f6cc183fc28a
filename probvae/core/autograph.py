"""AutoGraph, which turns Python's `if` and `while` on tensors into operations, only where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import keras
import tensorflow as tf

from probvae.core.checked import Checked
from probvae.core.objective import Objective

P = ParamSpec("P")
T = TypeVar("T")

OWN = "probvae."
"""Modules without `if` and `while` on tensors: the contract kit traces components without AutoGraph."""


def without_autograph(function: Callable[P, T], *used: object) -> Callable[P, T]:
    """The function for `tf.function`; unconverted if all components that it uses are part of probvae.

    AutoGraph parses and rewrites the source of each function that is called in a trace, which takes half of the
    time of a process's first training step. Components, objectives and datasets of others may need it.

    Args:
        function: what is traced; one of probvae.
        used: what it calls that may be of others: a model, an objective, streamed examples.
    """
    if all(kind.__module__.startswith(OWN) for thing in used for kind in _classes(thing)):
        return tf.autograph.experimental.do_not_convert(function)
    return function


def _classes(thing: object) -> Iterator[type]:
    """The classes of a model and of all components in it, or of anything else and of the objectives that it holds.

    Plain Keras layers are left out, whoever wrote them: AutoGraph converts nothing that is called inside of them.
    """
    if isinstance(thing, keras.layers.Layer):
        yield from (type(layer) for layer in thing._flatten_layers() if isinstance(layer, Checked))
        return
    yield type(thing)
    for value in vars(thing).values():
        if isinstance(value, Objective):
            yield from _classes(value)

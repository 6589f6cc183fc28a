"""Copies of components in memory, without Keras' serialization and pickle."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeVar, cast

import keras
import tensorflow_probability as tfp

from probvae.errors import UserError

L = TypeVar("L", bound=keras.layers.Layer)

# Keras wraps these methods of each layer in functions that refer to that layer.
_WRAPPED = frozenset({"build", "quantize"})


class NotSerialized(keras.layers.Layer):
    """A Keras layer without Keras' serialization.

    Keras and pickle store the code of a layer, and run it when the file is loaded. A run's folder contains names
    and arrays only.
    """

    def get_config(self) -> NoReturn:
        """Raise: layers are not serialized.

        Raises:
            UserError: always; names the alternatives.
        """
        raise UserError(
            f"{type(self).__name__} has no Keras serialization and no pickle: loading such a file would run code. "
            'To save the weights, use save_weights("NAME.weights.h5") or ModelCheckpoint(..., '
            "save_weights_only=True). `probvae.train` saves whole runs, `probvae.load` restores them. For a copy "
            "in memory, use copy.deepcopy."
        )

    def __reduce__(self) -> NoReturn:
        self.get_config()


def copied_layer(layer: L, memo: dict[int, Any]) -> L:
    """A deep copy of a layer with variables of its own, for use as `__deepcopy__`."""
    # All layers inside first, empty, so that the copies of attributes refer to the copies of layers.
    originals = [inner for inner in _inside(layer) if id(inner) not in memo]
    for original in originals:
        is_layer = isinstance(original, keras.layers.Layer)
        make = keras.layers.Layer.__new__ if is_layer else object.__new__
        memo[id(original)] = make(type(original))
    # A built layer refuses new parts, and the copy of a list is one to which its parts are added.
    trackers = [original._tracker for original in originals if hasattr(original, "_tracker")]
    locked = [tracker for tracker in trackers if tracker.locked]
    for tracker in locked:
        tracker.unlock()
    try:
        for original in originals:
            for generator in getattr(original, "_seed_generators", ()):  # as dropout has
                memo[id(generator.backend)] = generator.backend  # a module, which has no copy
            _copy_distributions(vars(original), memo)
            attributes: dict[str, object] = vars(memo[id(original)])
            for name, value in vars(original).items():
                if name not in _WRAPPED and not name.startswith("_self_"):  # TensorFlow's own records
                    attributes[name] = copy.deepcopy(value, memo)
    finally:
        for tracker in locked:
            tracker.lock()
            if id(tracker) in memo:
                memo[id(tracker)].lock()
    return cast(L, memo[id(layer)])


def _inside(layer: keras.layers.Layer) -> list[keras.Operation]:
    """The layer and all layers and operations inside, also those of a model's graph, which Keras does not list."""
    found: dict[int, keras.Operation] = {}
    waiting: list[Any] = [layer]
    while waiting:
        one = waiting.pop()
        if isinstance(one, keras.Operation):
            if id(one) not in found:
                found[id(one)] = one
                waiting += vars(one).values()
        elif isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, (list, tuple, set)):
            waiting += one
        elif hasattr(one, "parent_nodes"):  # a node of a graph
            waiting += [one.operation, *one.parent_nodes]
    return list(found.values())


def _copy_distributions(value: object, memo: dict[int, object]) -> None:
    """Copy the distributions in a value from their parameters: those made of others have no deep copy."""
    distribution = value if isinstance(value, tfp.distributions.Distribution) else None
    parts: Iterable[object] = ()
    if distribution is not None:
        parts = distribution.parameters.values()
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, (list, tuple)):
        parts = value
    for part in parts:
        _copy_distributions(part, memo)
    if distribution is not None and id(value) not in memo:
        memo[id(value)] = type(distribution)(**copy.deepcopy(dict(distribution.parameters), memo))

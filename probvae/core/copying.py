"""Copies of components in memory, and why Keras' own serialization and pickle are refused."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeVar, cast

import keras
import tensorflow_probability as tfp

from probvae.errors import UserError

L = TypeVar("L", bound=keras.layers.Layer)

# Keras wraps these methods of each layer in functions that refer to that layer.
_WRAPPED = frozenset({"build", "quantize"})


class NotSerialized(keras.layers.Layer):
    """A Keras layer without Keras' serialization.

    Keras and pickle store the code of a layer, and run it when the file is loaded. A run's folder holds names and
    arrays instead.
    """

    def get_config(self) -> NoReturn:
        """Refuse to be serialized.

        Raises:
            UserError: always; it names what to use instead.
        """
        raise UserError(
            f"{type(self).__name__} has no Keras serialization and no pickle: loading such a file would run code. "
            'To save the weights, use save_weights("NAME.weights.h5") or ModelCheckpoint(..., '
            "save_weights_only=True). `probvae.train` saves whole runs, `probvae.load` restores them. For a copy "
            "in memory, use copy.deepcopy."
        )

    def __reduce__(self) -> NoReturn:
        self.get_config()


def copied_layer(layer: L, memo: dict[int, object]) -> L:
    """A deep copy of a layer with variables of its own, for use as `__deepcopy__`."""
    # All layers inside first, empty, so that the copies of attributes refer to the copies of layers.
    originals = [inner for inner in layer._flatten_layers() if id(inner) not in memo]
    for original in originals:
        memo[id(original)] = keras.layers.Layer.__new__(type(original))
    for original in originals:
        _copy_distributions(vars(original), memo)
        attributes = vars(memo[id(original)])
        for name, value in vars(original).items():
            if name not in _WRAPPED and not name.startswith("_self_"):  # TensorFlow's own records
                attributes[name] = copy.deepcopy(value, memo)
    return cast(L, memo[id(layer)])


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

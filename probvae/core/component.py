"""Component: the base of everything that owns variables, whatever those variables are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import keras
import tensorflow as tf

T = TypeVar("T")


class Component(keras.layers.Layer):
    """A Keras layer that sees every variable in its attributes.

    Keras sees its own weights and layers, in lists and dicts too, and is silent about everything else: a raw
    `tf.Variable`, the variables inside a TFP distribution or bijector, Keras layers inside those. A component
    adopts all of them as they are assigned, so that they are trained, saved and restored like any other weight.

    A component is used through a named method that returns a distribution, never by calling it. To write one:
    a class, a typed `__init__` (its signature is the schema of its table in a spec), and that one method.
    """

    kind: ClassVar[str] = "component"

    def __init__(self) -> None:
        super().__init__()
        self._adopted: dict[str, Any] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_"):
            self.adopt(value, name)

    def adopt(self, thing: T, name: str) -> T:
        """Make the variables inside `thing` this component's own, and return `thing`.

        Assigning to an attribute does this already; call it for what is kept elsewhere, as in a closure.

        Args:
            thing: a variable, a layer, a distribution, a bijector, or a list or dict of them.
            name: what the variables are saved under, unique within the component.
        """
        for path, found in _unseen(thing, name, set(), inside_module=False):
            if any(found is known for known in self._adopted.values()):
                continue
            self._adopted[path] = found  # Keras tracks layers and keras.Variables that it finds in a dict
            if isinstance(found, tf.Variable):
                self._track_variable(keras.Variable(found, name=path, trainable=found.trainable))
        return thing


def _unseen(value: Any, path: str, seen: set[int], inside_module: bool) -> Iterator[tuple[str, Any]]:
    """What Keras does not see inside `value`: raw variables, and Keras' own things inside a `tf.Module`."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, tf.Variable):
        yield path, value
    elif isinstance(value, keras.Variable):
        if inside_module:
            yield path, value
    elif isinstance(value, keras.layers.Layer):
        if inside_module:
            yield path, value
        if not isinstance(value, Component):  # a component has adopted its own already
            public = {name: part for name, part in vars(value).items() if not name.startswith("_")}
            yield from _unseen_in(public, path, seen, inside_module=False)
    elif isinstance(value, tf.Module):
        # The constructor's arguments first: their names are TFP's public interface, other attributes are not.
        parts = {**getattr(value, "_parameters", {}), **vars(value)}
        yield from _unseen_in(parts, path, seen, inside_module=True)
    elif isinstance(value, Mapping):
        yield from _unseen_in(value, path, seen, inside_module)
    elif isinstance(value, (list, tuple)):
        yield from _unseen_in(dict(enumerate(value)), path, seen, inside_module)


def _unseen_in(
    parts: Mapping[Any, Any], path: str, seen: set[int], inside_module: bool
) -> Iterator[tuple[str, Any]]:
    for name, part in parts.items():
        # Keras allows no slash in a variable's name.
        label = str(name).strip("_").replace("/", "-")
        yield from _unseen(part, f"{path}.{label}", seen, inside_module)

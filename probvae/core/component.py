"""Component: the base class of everything that owns variables of any library: TensorFlow, Keras, TFP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, TypeVar

import keras
import tensorflow as tf

from probvae.core.checked import Checked
from probvae.core.copying import NotSerialized, copied_layer
from probvae.core.parameters import Promises
from probvae.errors import ConfigError, PluginError

T = TypeVar("T")

_KERAS_ATTRIBUTES = frozenset({*vars(keras.layers.Layer()), *vars(keras.Model()), "_adopted", "_path"})


def own_attributes(layer: keras.layers.Layer) -> dict[str, object]:
    """The attributes of a layer by name, without those that Keras itself sets."""
    return {name: value for name, value in vars(layer).items() if not _is_set_by_keras(name)}


def _is_set_by_keras(name: str) -> bool:
    return name in _KERAS_ATTRIBUTES or name.startswith("_self_")


class Component(Checked, NotSerialized):
    """A Keras layer that sees every variable in its attributes.

    Keras finds its own weights and layers, in lists and dicts too, and silently misses all others: a raw
    `tf.Variable`, the variables inside a TFP distribution or bijector, Keras layers inside those. A component
    adopts all of them when they are assigned, so that they are trained, saved and restored like any other weight.

    A component is used through a named method that returns a distribution, never by calling it. To write one:
    a class, a typed `__init__` (its signature is the schema of its table in a spec), and that one method.

    Attributes:
        kind: its kind in the registry.
        promises: what it promises to the contract kit.

    Raises:
        ConfigError: an argument is of another type than its annotation says, or out of its bounds.
    """

    kind: ClassVar[str] = "component"
    promises: ClassVar[Promises] = Promises()

    def __init__(self) -> None:
        super().__init__()
        self._adopted: dict[str, object] = {}

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if not _is_set_by_keras(name):
            self.adopt(value, name.lstrip("_"))

    def adopt(self, thing: T, name: str) -> T:
        """Make the variables inside `thing` this component's own, and return `thing`.

        Assigning to an attribute does this already; call it for what is stored elsewhere, as in a closure.

        Args:
            thing: a variable, a layer, a distribution, a bijector, or a list or dict of them.
            name: the name under which the variables are saved, unique within the component.

        Raises:
            PluginError: `super().__init__()` was not called yet.
        """
        if "_adopted" not in vars(self):
            raise PluginError(
                f"{type(self).__name__}: {name!r} is set before super().__init__() was called. "
                "Call it first in __init__."
            )
        for path, found in _unseen(thing, name, set(), inside_module=False):
            if found is self or any(found is known for known in self._adopted.values()):
                continue
            self._adopted[path] = found  # Keras tracks layers and keras.Variables that it finds in a dict
            if isinstance(found, tf.Variable):
                self._track_variable(_wrapped(found, path))
        return thing

    def __deepcopy__(self, memo: dict[int, object]) -> Component:
        return copied_layer(self, memo)

    def adopt_again(self) -> None:
        """Adopt what was added to the attributes after they were assigned, as to a list."""
        for name, value in own_attributes(self).items():
            self.adopt(value, name.lstrip("_"))


def check_losses(part: keras.layers.Layer, name: str) -> None:
    """Check that the layers of a part of a model add no losses of their own, which no objective would see.

    Args:
        part: it has been called.
        name: what it is in the model.

    Raises:
        ConfigError: a trainable weight has a regularizer, or a layer called `add_loss`.
    """
    for layer in part._flatten_layers():
        regularized = any(v.trainable and v.regularizer is not None for v in layer._trainable_variables)
        if regularized or layer._get_own_losses():
            found = "a regularizer" if regularized else "a loss by add_loss or an activity regularizer"
            raise ConfigError(
                f"{name}: expected layers without losses of their own, as an objective defines all that is "
                f"minimised; got {found} in the {type(layer).__name__} {layer.name!r}. Leave it out. Use the "
                "weight_decay of a Keras optimizer, or write an objective that adds the loss."
            )


def _wrapped(variable: tf.Variable, name: str) -> keras.Variable:
    """A keras.Variable on the storage of a raw one, shared by all components that hold it: it is trained once."""
    wrapper = getattr(variable, "_probvae_wrapper", None)
    if wrapper is None:
        wrapper = keras.Variable(variable, name=name, trainable=variable.trainable)
        variable._probvae_wrapper = wrapper
    return wrapper


def _unseen(value: object, path: str, seen: set[int], inside_module: bool) -> Iterator[tuple[str, object]]:
    """What Keras misses inside `value`: raw variables, and variables and layers of Keras in a `tf.Module`."""
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
            parts = {**own_attributes(value), "layers": list(value._layers)}
            yield from _unseen_in(parts, path, seen, inside_module=False)
    elif isinstance(value, tf.Module):
        # The constructor's arguments first: their names are TFP's public interface, other attributes are not.
        arguments = getattr(value, "_parameters", None)
        parts = {**(arguments if isinstance(arguments, Mapping) else {}), **vars(value)}
        yield from _unseen_in(parts, path, seen, inside_module=True)
    elif isinstance(value, Mapping):
        yield from _unseen_in(value, path, seen, inside_module)
    elif isinstance(value, (list, tuple)):
        yield from _unseen_in(dict(enumerate(value)), path, seen, inside_module)


def _unseen_in(
    parts: Mapping[str, object] | Mapping[int, object], path: str, seen: set[int], inside_module: bool
) -> Iterator[tuple[str, object]]:
    for name, part in parts.items():
        if str(name).startswith("_self_"):  # TensorFlow's own records
            continue
        # Keras allows no slash in a variable's name.
        label = str(name).strip("_").replace("/", "-")
        yield from _unseen(part, f"{path}.{label}", seen, inside_module)

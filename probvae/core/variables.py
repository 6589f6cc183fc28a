"""Every variable of a model under a stable structural name: the one list for training, saving and auditing.

A name is the path of attributes that leads to a variable, as `encoder/network/hidden.0/kernel`. Keras' own
variable paths can collide and depend on what else was built before; these do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras

from probvae.core.component import own_attributes
from probvae.errors import TrainingError


def named_variables(root: keras.layers.Layer) -> dict[str, keras.Variable]:
    """All variables of `root`, trainable or not, by structural name, each once (under its first path).

    Raises:
        TrainingError: Keras has a variable that is in no attribute, or two variables have one name.
    """
    names: dict[str, keras.Variable] = {}
    for name, variable in _walk(root, "", set()):
        if name in names:
            raise TrainingError(
                f"Expected variables of different names; got two named {name!r}. Rename one of them."
            )
        names[name] = variable
    listed = {id(variable) for variable in names.values()}
    for variable in root.variables:
        if id(variable) not in listed:
            raise TrainingError(
                f"The variable {variable.path!r} is in no attribute of its layer, so it has no stable name. "
                "Assign the layer or the weight that owns it to an attribute."
            )
    return names


def trainable_names(root: keras.layers.Layer) -> dict[str, keras.Variable]:
    """The trainable ones of `named_variables`, in the same order."""
    return {name: variable for name, variable in named_variables(root).items() if variable.trainable}


def _walk(layer: keras.layers.Layer, prefix: str, seen: set[int]) -> Iterator[tuple[str, keras.Variable]]:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    labels = _labels(layer)
    states = [generator.state for generator in layer._seed_generators]
    for variable in [*layer._trainable_variables, *layer._non_trainable_variables, *states]:
        if id(variable) not in seen:
            seen.add(id(variable))
            yield prefix + labels.get(id(variable), variable.name), variable
    for position, sublayer in enumerate(layer._layers):
        label = labels.get(id(sublayer), f"layers.{position}")
        yield from _walk(sublayer, f"{prefix}{label}/", seen)


def _labels(layer: keras.layers.Layer) -> dict[int, str]:
    """Id of a sublayer or variable -> the attribute path under which `layer` holds it."""
    labels: dict[int, str] = {}

    def look(value: object, path: str) -> None:
        if isinstance(value, (keras.layers.Layer, keras.Variable)):
            labels.setdefault(id(value), path)
        elif isinstance(value, keras.random.SeedGenerator):
            labels.setdefault(id(value.state), f"{path}.state")
        elif isinstance(value, Mapping):
            for key, part in value.items():
                look(part, f"{path}.{key}" if path else str(key))
        elif isinstance(value, (list, tuple)):
            for position, part in enumerate(value):
                look(part, f"{path}.{position}")

    for name, value in own_attributes(layer).items():
        look(value, name.lstrip("_"))
    look(getattr(layer, "_adopted", {}), "")
    return labels

"""TensorFlow SavedModels: the graphs of a model's signatures with its variables, without Python code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import tensorflow as tf

from probvae.core import VAE, named_variables
from probvae.exporting.signatures import Exported, Signature, Tensors, operations

PACKAGES = ("tensorflow",)
"""The packages whose versions matter to who uses the files."""

_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
"""Operations that call Python, which no other process can do."""


def write(vae: VAE, signatures: Mapping[str, Signature], folder: Path) -> dict[str, str]:
    """Write the signatures of a model as a SavedModel.

    Args:
        vae: the model.
        signatures: by name.
        folder: its folder.

    Returns:
        The signatures that are left out, with the reasons.

    Raises:
        OSError: the folder cannot be written.
    """
    functions, left_out = {}, {}
    for name, signature in signatures.items():
        function = signature.traced(vae)
        if calls := _PYTHON & operations(function):
            left_out[name] = (
                f"it calls Python ({', '.join(sorted(calls))}), as by tf.numpy_function in a component, which a "
                "SavedModel does not contain; use operations of TensorFlow there"
            )
        else:
            functions[name] = function
    module = tf.Module()
    module.variables_of_the_model = [variable.value for variable in named_variables(vae).values()]
    for name, function in functions.items():
        setattr(module, name, function)
    try:
        tf.saved_model.save(module, str(folder), functions)
    except tf.errors.OpError as error:  # TensorFlow writes files by operations
        raise OSError(error.message) from error
    return left_out


def load(folder: Path) -> dict[str, Exported]:
    """The functions of a SavedModel by name, as TensorFlow loads it."""
    module = tf.saved_model.load(str(folder))

    def run(name: str, inputs: Tensors) -> Tensors:
        outputs = getattr(module, name)(**inputs)  # it holds the variables of the module weakly
        return {key: output.numpy() for key, output in outputs.items()}

    return {name: partial(run, name) for name in module.signatures}

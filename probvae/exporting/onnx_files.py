"""ONNX: a file for each signature whose operations ONNX has."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from probvae.core import VAE
from probvae.errors import explained, from_extra
from probvae.exporting.onnx_operators import handlers
from probvae.exporting.signatures import Exported, Signature, Tensors, operations

PACKAGES = ("tf2onnx", "onnx", "onnxruntime")
"""The packages whose versions matter to who uses the files."""

OPSET = 18
"""The version of ONNX's operators."""

_RANDOM = re.compile("Random|Multinomial")


def write(vae: VAE, signatures: Mapping[str, Signature], folder: Path) -> dict[str, str]:
    """Write each signature of a model as NAME.onnx, where ONNX has its operations.

    Args:
        vae: the model.
        signatures: by name.
        folder: where to write; it is made.

    Returns:
        The signatures that are left out, with the reasons.

    Raises:
        UserError: the packages of the extra `export` are not installed.
    """
    for package in PACKAGES:
        from_extra(package, "export", "ONNX files are made")
    folder.mkdir(parents=True)
    left_out = {}
    for name, signature in signatures.items():
        function = signature.traced(vae)
        if drawn := [operation for operation in sorted(operations(function)) if _RANDOM.search(operation)]:
            left_out[name] = (
                f"it draws random numbers ({', '.join(drawn)}), which ONNX does not have as a function of a seed; "
                "use the SavedModel, or draw z outside and use the other files"
            )
            continue
        try:
            model = _converted(function, signature)
        except Exception as error:  # whatever tf2onnx stumbles on
            left_out[name] = f"tf2onnx cannot convert it ({explained(error)}); use the SavedModel"
            continue
        if unknown := sorted({*_unknown(model.graph)}):
            left_out[name] = f"tf2onnx has no ONNX for {', '.join(unknown)}; use the SavedModel"
            continue
        path = folder / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            _session(path)
        except Exception as error:  # ONNX Runtime has errors of its own
            left_out[name] = f"ONNX Runtime cannot run it ({' '.join(str(error).split())}); use the SavedModel"
            path.unlink()
    return left_out


def load(folder: Path) -> dict[str, Exported]:
    """The functions of a folder of ONNX files by name, as ONNX Runtime runs them."""

    def run(session: Any, inputs: Tensors) -> Tensors:
        names = [output.name for output in session.get_outputs()]
        found = session.run(names, {name: np.asarray(value) for name, value in inputs.items()})
        return dict(zip(names, found, strict=True))

    return {path.stem: partial(run, _session(path)) for path in sorted(folder.glob("*.onnx"))}


def _session(path: Path) -> Any:
    """A file as ONNX Runtime loads it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _converted(function: tf.types.experimental.PolymorphicFunction, signature: Signature) -> Any:
    """The ONNX model of a function; the axes that the caller chooses are named `batch`."""
    import tf2onnx
    from onnx import numpy_helper

    given = [tf.TensorSpec(value.shape, value.dtype, name) for name, value in signature.inputs.items()]
    with _silent(logging.getLogger("tf2onnx")):
        model, _ = tf2onnx.convert.from_function(function, given, opset=OPSET, custom_op_handlers=handlers())
    # tf2onnx takes constants from outside of the function for inputs.
    constants = {inner.name: outer for outer, inner in function.get_concrete_function().graph.captures}
    for tensor in [tensor for tensor in model.graph.input if tensor.name not in signature.inputs]:
        model.graph.initializer.append(numpy_helper.from_array(constants[tensor.name].numpy(), tensor.name))
        model.graph.input.remove(tensor)
    for values, tensors in ((signature.inputs, model.graph.input), (signature.outputs, model.graph.output)):
        for tensor in tensors:
            for axis, size in zip(tensor.type.tensor_type.shape.dim, values[tensor.name].shape, strict=True):
                if size is None:
                    axis.dim_param = "batch"
    return model


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """A logger that writes nothing: what it says of unknown operators is said in words."""
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _unknown(graph: Any) -> Iterator[str]:
    """The operators of a graph, and of graphs in it, that are not of ONNX: those that were not converted."""
    from onnx import defs

    for node in graph.node:
        if not defs.has(node.op_type, node.domain):
            yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _unknown(attribute.g)

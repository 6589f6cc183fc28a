"""Operations of TensorFlow that tf2onnx 1.17 does not know, made of operators that ONNX has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

_Node: TypeAlias = Callable[..., str]
"""(operator, inputs) -> the name of its output; ("Constant", number) -> that of a number."""

_INT32, _INT64 = 6, 7  # numbers of types in ONNX


def _log1p(node: _Node, x: str) -> str:
    return node("Log", [node("Add", [x, node("Constant", 1.0)])])


def _expm1(node: _Node, x: str) -> str:
    """2 exp(x/2) sinh(x/2), which is exact near 0 too; -1 is reached long before the second factor overflows."""
    half = node("Div", [node("Max", [x, node("Constant", -100.0)]), node("Constant", 2.0)])
    product = node("Mul", [node("Exp", [half]), node("Sinh", [half])])
    return node("Add", [product, product])


def _mul_no_nan(node: _Node, x: str, y: str) -> str:
    """The product, and 0 where y is 0, whatever x is."""
    zero = node("Constant", 0.0)
    return node("Where", [node("Equal", [y, zero]), zero, node("Mul", [x, y])])


def _broadcast_args(node: _Node, *shapes: str) -> str:
    """The shape of the sum of tensors of these shapes."""
    zeros = [node("ConstantOfShape", [node("Cast", [shape], to=_INT64)]) for shape in shapes]
    return node("Cast", [node("Shape", [node("Add", zeros)])], to=_INT32)


_OPERATIONS: dict[str, Callable[..., str]] = {
    "BroadcastArgs": _broadcast_args,
    "Expm1": _expm1,
    "Log1p": _log1p,
    "MulNoNan": _mul_no_nan,
}


def _replaced(context: Any, node: Any, name: str, make: Callable[..., str]) -> None:
    """Put a subgraph in the place of a node."""
    inputs, outputs = list(node.input), list(node.output)
    shapes, dtypes = node.output_shapes, node.output_dtypes
    context.remove_node(node.name)

    def added(operator: str, given: Any, **attributes: int) -> str:
        if operator == "Constant":
            made = context.make_const(f"{name}/{given:g}", np.float32(given))
        else:
            made = context.make_node(operator, given, attr=attributes, op_name_scope=name)
        output: str = made.output[0]
        return output

    result = make(added, *inputs)
    context.make_node("Identity", [result], outputs=outputs, name=name, shapes=shapes, dtypes=dtypes)


def handlers() -> dict[str, tuple[Callable[..., None], list[str]]]:
    """What tf2onnx calls for each of these operations."""

    def handler(make: Callable[..., str]) -> Callable[..., None]:
        return lambda context, node, name, _: _replaced(context, node, name, make)

    return {operation: (handler(make), []) for operation, make in _OPERATIONS.items()}

"""Arguments against annotations: what a spec refuses, a constructor refuses too."""

from __future__ import annotations

import functools
import inspect
import json
import textwrap
import typing
from typing import Any

import numpy as np
import tensorflow as tf
from pydantic import ConfigDict, PydanticUserError, TypeAdapter

from probvae.core.signature import Parameter
from probvae.errors import ConfigError


def check_arguments(owner: type, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Hold the arguments of a class's constructor against its annotations, as strictly as a spec is held.

    What has no annotation, or one that a spec cannot hold (an array, a function), is left to the class.

    Raises:
        ConfigError: a value is of another type or out of bounds.
    """
    signature, checks = _checks(owner)
    try:
        given = signature.bind(None, *arguments, **keywords).arguments
    except TypeError:  # a missing or an unknown one: Python says so itself, when the constructor runs
        return
    for parameter, adapter in checks:
        if parameter.name in given and not _fits(parameter, adapter, given[parameter.name]):
            raise ConfigError(
                f"{owner.__name__}: expected {parameter.name} to be {parameter.expected}; got "
                f"{textwrap.shorten(repr(given[parameter.name]), 80)}.",
                parameter=parameter.name,
            )


@functools.cache
def _checks(owner: Any) -> tuple[inspect.Signature, list[tuple[Parameter, TypeAdapter[Any] | None]]]:
    """The signature of a constructor, and the parameters that can be checked, each with what checks it."""
    signature = inspect.signature(owner.__init__)
    try:
        hints = typing.get_type_hints(owner.__init__, include_extras=True)
    except (NameError, TypeError):  # a type that cannot be resolved is told when a spec names the class
        return signature, []
    single = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = [
        Parameter(name, hints[name], found.default, "")
        for name, found in signature.parameters.items()
        if name in hints and found.kind in single
    ]
    return signature, [(parameter, _adapter(parameter)) for parameter in parameters]


def _adapter(parameter: Parameter) -> TypeAdapter[Any] | None:
    if parameter.kind:
        return None
    try:
        return TypeAdapter(parameter.annotation, config=ConfigDict(strict=True, allow_inf_nan=False))
    except PydanticUserError:
        return None


def _fits(parameter: Parameter, adapter: TypeAdapter[Any] | None, value: Any) -> bool:
    if value is None and parameter.default is None:
        return True
    if parameter.kind:
        kind = getattr(type(value), "kind", None)
        return kind == parameter.kind or (kind is not None and parameter.kind == "component")
    if adapter is None:
        return True
    try:
        adapter.validate_json(json.dumps(value, default=_plain))
    except (TypeError, ValueError):  # pydantic's errors are of the second kind
        return False
    return True


def _plain(value: Any) -> Any:
    """What JSON has no word for: numbers and shapes of the libraries; all else is a table, which fits nothing."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return value.as_list() if isinstance(value, tf.TensorShape) else {"": str(value)}

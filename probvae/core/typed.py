"""JSON as typed values, checked against a dataclass."""

from __future__ import annotations

import functools
import json
import textwrap
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

from annotated_types import Ge, Lt
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from probvae.core.types import Annotation, Table

T = TypeVar("T")

_DIGITS = 20
"""The most digits of an integer: more than any count has, and few enough for a float."""

Count: TypeAlias = Annotated[int, Ge(0), Lt(2**63)]

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""The `__pydantic_config__` of dataclasses that describe a file."""


def from_json(kind: Callable[..., T], text: str | bytes) -> T:
    """A value of this type from JSON, without any conversion.

    Raises:
        ValueError: the text is not JSON, or of another type; says where, what was expected and what it is.
    """
    try:
        value: T = _adapter(kind).validate_json(text, strict=True)
        return value
    except ValidationError as error:
        raise ValueError("; ".join(map(_described, error.errors()[:3]))) from None


def table_from_json(text: str | bytes, kind: Any = dict[str, Any]) -> Table:
    """An object of JSON as it is: its integers stay integers.

    Args:
        text: the JSON.
        kind: the type to check, of an object.

    Raises:
        ValueError: the text is not JSON, is nested too deep, is of another type, or has an integer that no
            computation takes.
    """
    from_json(kind, text)
    found: Table = json.loads(text, parse_int=_integer)
    return found


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"expected integers of at most {_DIGITS} digits; got one of {len(digits)}")
    return int(digits)


@functools.cache
def _adapter(kind: Annotation) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _described(error: ErrorDetails) -> str:
    place = ".".join(map(str, error["loc"])) or "the whole"
    if error["type"] == "missing":
        return f"{place}: expected a value; got none"
    if error["type"] == "json_invalid":
        return str(error["msg"])
    message = error["msg"].replace("Input should be", "expected", 1)
    return f"{place}: {message}; got {textwrap.shorten(json.dumps(error['input'], default=str), 60)}"

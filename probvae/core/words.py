"""Types in words, for errors and help."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal, Union, get_args, get_origin

import annotated_types

_NAMES: dict[object, str] = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "a string",
    type(None): "nothing",
    dict: "a table",
    list: "a list",
    tuple: "a list",
}


def with_article(noun: str) -> str:
    """The noun with its article.

    >>> with_article("encoder"), with_article("prior")
    ('an encoder', 'a prior')
    """
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "sample"), counted(5000, "sample")
    ('1 sample', '5,000 samples')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def first_few(names: Sequence[str]) -> str:
    """The first five names, and how many more there are.

    >>> first_few(["a", "b"]), first_few([*"abcdefg"])
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def describe(annotation: object) -> str:
    """A type and its bounds in words.

    >>> describe(Annotated[int, annotated_types.Ge(1)])
    'an integer >= 1'
    >>> describe(tuple[float, ...] | None)
    'a list, each a number; or nothing'
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = " and ".join(filter(None, map(_bound, _single(arguments[1:]))))
        return f"{describe(arguments[0])} {bounds}".strip()
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin in (Union, types.UnionType):
        return "; or ".join(map(describe, arguments))
    if origin in (tuple, list):
        if len(arguments) == 1 or (len(arguments) == 2 and arguments[1] is Ellipsis):
            return f"a list, each {describe(arguments[0])}"
        return f"a list of {len(arguments)}: {', '.join(map(describe, arguments))}"
    return _NAMES.get(origin or annotation, getattr(annotation, "__name__", str(annotation)))


def _single(markers: Iterable[object]) -> Iterator[object]:
    """Markers one by one: `Interval` and `Len` are groups of several."""
    for marker in markers:
        yield from marker if isinstance(marker, annotated_types.GroupedMetadata) else [marker]


def _bound(marker: object) -> str:
    match marker:
        case annotated_types.Ge():
            return f">= {marker.ge}"
        case annotated_types.Gt():
            return f"> {marker.gt}"
        case annotated_types.Le():
            return f"<= {marker.le}"
        case annotated_types.Lt():
            return f"< {marker.lt}"
        case annotated_types.MinLen():
            return f"({marker.min_length} or more of them)"
        case annotated_types.MaxLen():
            return f"({marker.max_length} or fewer of them)"
        case annotated_types.MultipleOf():
            return f"that {marker.multiple_of} divides"
    return ""

"""Checked: the base of every class that a spec can set up."""

from __future__ import annotations

import textwrap
from typing import Any, Self

from probvae.core.signature import Parameter, Signature, without_tiny
from probvae.core.words import with_article
from probvae.errors import ConfigError


class Checked:
    """Validates the arguments of constructors by the rules of specs.

    A subclass writes a typed `__init__`, or is a dataclass. Arguments without an annotation, or with one that a
    spec cannot hold (an array, a function), are left to the class.

    Raises:
        ConfigError: an argument is of another type than its annotation says, or out of its bounds.
        TypeError: there are arguments, and the class has no `__init__`.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Validate the arguments before anything is made."""
        if cls.__init__ is object.__init__ and (args or kwargs):  # which takes any if there is a __new__
            raise TypeError(f"{cls.__name__}() takes no arguments")
        signature = Signature.read(cls)
        for name, value in signature.given(args, kwargs).items():
            parameter = signature.all.get(name)
            if parameter is not None and not parameter.accepts(value):
                got = f"{textwrap.shorten(repr(value), 80)}.{_fix(parameter, value)}"
                raise ConfigError(
                    f"{cls.__name__}: expected {name} to be {parameter.expected}; got {got}", parameter=name
                )
        new = super().__new__
        return new(cls) if new is object.__new__ else new(cls, *args, **kwargs)


def _fix(parameter: Parameter, value: object) -> str:
    if parameter.base is None:
        tiny = isinstance(value, float) and without_tiny(value) != value
        return " Single precision makes it 0." if tiny else ""
    kind = getattr(type(value), "kind", None)
    if isinstance(kind, str):
        return f" It is {with_article(kind)}: check the order of the arguments."
    return f" Derive its class from probvae.{parameter.base.__name__}."

"""The signature is the schema: what a component's `__init__` says, read once for validation, help and filling."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, create_model

from probvae.core.parameters import Use
from probvae.errors import PluginError

CONTEXT = {
    "latent_dim": "[model] latent_dim",
    "event_shape": "the data",
    "encoder": "[model.encoder]",
    "decoder": "[model.decoder]",
    "examples": "the training data",
    "steps_per_epoch": "the data and [train] batch_size",
}
"""The parameters that the assembler supplies, by name, and where it takes them from."""

REQUIRED = inspect.Parameter.empty

_FIELD = "parameter "  # with a space, so that it is no name of a parameter itself


@dataclass(frozen=True)
class Parameter:
    """One parameter of a component.

    Args:
        name: as in the signature and in a spec.
        annotation: its type, with bounds.
        default: its default, or REQUIRED.
        description: its line in the docstring.
    """

    name: str
    annotation: Any
    default: Any
    description: str

    @property
    def kind(self) -> str | None:
        """The kind of component that the parameter holds, None if it holds a plain value."""
        for part in (self.annotation, *get_args(self.annotation)):
            if isinstance(part, type) and isinstance(kind := getattr(part, "kind", None), str):
                return kind
        return None

    @property
    def use(self) -> str | None:
        """The component that a spec uses if it names none."""
        return next((part.name for part in get_args(self.annotation) if isinstance(part, Use)), None)

    @property
    def required(self) -> bool:
        """Whether a spec must give it."""
        return self.default is REQUIRED and self.use is None

    @property
    def expected(self) -> str:
        """What values it takes, in words."""
        return a(self.kind) if self.kind else describe(self.annotation)


class Signature:
    """The parameters of a component's factory, as its author wrote them.

    Args:
        factory: a class or a function that makes a component.
        owner: what to call it in errors.

    Raises:
        PluginError: a parameter has no type, or one that cannot be resolved.
    """

    def __init__(self, factory: Callable[..., Any], owner: str) -> None:
        self.factory = factory
        self.owner = owner
        # Keras layers define __new__, which inspect.signature(cls) would read instead.
        function = factory.__init__ if inspect.isclass(factory) else factory
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except (NameError, TypeError) as error:
            raise PluginError(f"{owner}: a type in its signature cannot be resolved: {error}.") from error
        self.doc = docstring_parser.parse(inspect.getdoc(factory) or "", docstring_parser.DocstringStyle.GOOGLE)
        lines = {part.arg_name: " ".join((part.description or "").split()) for part in self.doc.params}
        self.all: dict[str, Parameter] = {}
        for name, parameter in inspect.signature(function).parameters.items():
            if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name == "use":
                raise PluginError(
                    f"{owner}: its parameter is named 'use', which names components in a spec. Rename it."
                )
            if name not in hints and name not in CONTEXT:
                raise PluginError(
                    f"{owner}: its parameter {name!r} has no type annotation, so a spec cannot be checked against "
                    f"it. Write {name}: int, float, bool, str, tuple[int, ...] or another type."
                )
            annotation = hints.get(name, Any)
            self.all[name] = Parameter(name, annotation, parameter.default, lines.get(name, ""))

    @property
    def context(self) -> list[str]:
        """The parameters that the assembler supplies."""
        return [name for name in self.all if name in CONTEXT]

    @cached_property
    def settable(self) -> dict[str, Parameter]:
        """The parameters that a spec can give."""
        return {name: parameter for name, parameter in self.all.items() if name not in CONTEXT}

    @cached_property
    def components(self) -> dict[str, Parameter]:
        """The settable parameters that hold components."""
        return {name: parameter for name, parameter in self.settable.items() if parameter.kind}

    @cached_property
    def plain(self) -> dict[str, Parameter]:
        """The settable parameters that hold plain values."""
        return {name: parameter for name, parameter in self.settable.items() if not parameter.kind}

    @cached_property
    def model(self) -> type[BaseModel]:
        """A strict pydantic model of the plain parameters."""
        fields: dict[str, Any] = {}
        for name, parameter in self.plain.items():
            default = ... if parameter.default is REQUIRED else parameter.default
            # An alias, because pydantic reserves names such as `copy` and `schema`.
            field = Field(default, alias=name, description=parameter.description, validate_default=True)
            fields[f"{_FIELD}{name}"] = (parameter.annotation, field)
            try:
                TypeAdapter(parameter.annotation)
            except PydanticUserError as error:
                raise PluginError(
                    f"{self.owner}: its signature has a type that a spec cannot hold: "
                    f"{name}: {describe(parameter.annotation)}."
                ) from error
        config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
        return create_model(self.owner, __config__=config, **fields)

    def parameter_of(self, location: tuple[int | str, ...]) -> str:
        """The parameter that a validation error of `model` is about; of a default, pydantic names the field."""
        return str(location[0]).removeprefix(_FIELD)

    def values_of(self, checked: BaseModel) -> dict[str, Any]:
        """The values of an instance of `model`, by parameter."""
        return {name: getattr(checked, f"{_FIELD}{name}") for name in self.plain}

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.short_description or ""


def a(noun: str) -> str:
    """The noun with its article.

    >>> a("encoder"), a("prior")
    ('an encoder', 'a prior')
    """
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def describe(annotation: Any) -> str:
    """A type and its bounds in words.

    >>> describe(Annotated[int, annotated_types.Ge(1)])
    'an integer >= 1'
    >>> describe(tuple[float, ...] | None)
    'a list, each a number; or nothing'
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = " and ".join(filter(None, map(_bound, _markers(arguments[1:]))))
        return f"{describe(arguments[0])} {bounds}".strip()
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin in (Union, types.UnionType):
        return "; or ".join(map(describe, arguments))
    if origin in (tuple, list):
        if len(arguments) == 1 or (len(arguments) == 2 and arguments[1] is Ellipsis):
            return f"a list, each {describe(arguments[0])}"
        return f"a list of {len(arguments)}: {', '.join(map(describe, arguments))}"
    simple = {
        int: "an integer",
        float: "a number",
        bool: "true or false",
        str: "a string",
        type(None): "nothing",
        dict: "a table",
        list: "a list",
        tuple: "a list",
    }
    return simple.get(origin or annotation, getattr(annotation, "__name__", str(annotation)))


def _markers(markers: Iterable[Any]) -> Iterator[Any]:
    """Markers one by one: `Interval` and `Len` stand for several."""
    for marker in markers:
        yield from marker if isinstance(marker, annotated_types.GroupedMetadata) else [marker]


def _bound(marker: Any) -> str:
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

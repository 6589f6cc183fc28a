"""The signature is the schema: one reading of `__init__` for validation, specs, help, JSON Schema and the kit."""

from __future__ import annotations

import difflib
import inspect
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import docstring_parser
import numpy as np
from pydantic import PydanticUserError, TypeAdapter

from probvae.core.parameters import PathMarker, Use
from probvae.core.types import Annotation, Context, Factory, Table
from probvae.core.words import describe, with_article
from probvae.errors import PluginError

CONTEXT = {
    "latent_dim": "[model] latent_dim",
    "event_shape": "the data",
    "condition_dim": "[data] condition",
    "classes": '[data] condition = "labels"',
    "encoder": "[model.encoder]",
    "decoder": "[model.decoder]",
    "examples": "the training data",
    "steps_per_epoch": "the data and [train] batch_size",
    "train_size": "the data",
    "given_data": "the argument data, in Python",
    "conditions": "[data] condition",
    "column_groups": "the columns of the data",
    "library_column": "[data] library_size",
}
"""The parameters that the assembler supplies, by name, and where it takes them from."""

REQUIRED = inspect.Parameter.empty


def context_like(name: str) -> str:
    """A sentence that suggests the context parameter whose name is nearly this one; empty if there is none.

    >>> context_like("latents_dim")
    'Did its author mean latent_dim, which is supplied from [model] latent_dim? Rename it in the class then.'
    """
    near = difflib.get_close_matches(name, CONTEXT, n=1, cutoff=0.75)
    found = near and f"Did its author mean {near[0]}, which is supplied from {CONTEXT[near[0]]}?"
    return f"{found} Rename it in the class then." if found else ""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a class.

    Args:
        name: its name in the signature and in a spec.
        annotation: its type, with bounds; Any where it has none.
        default: its default, or REQUIRED.
        description: its line in the docstring.
    """

    name: str
    annotation: Annotation
    default: object
    description: str

    @property
    def base(self) -> type | None:
        """The base class of the component that the parameter holds, None if it holds a plain value."""
        inner = get_args(self.annotation)
        for part in (self.annotation, *inner, *(part for union in inner for part in get_args(union))):
            if isinstance(part, type) and isinstance(getattr(part, "kind", None), str):
                return part
        return None

    @property
    def kind(self) -> str | None:
        """The kind of component that the parameter holds, None if it holds a plain value."""
        return getattr(self.base, "kind", None)

    @property
    def alternatives(self) -> tuple[type, ...]:
        """The classes that are accepted in Python besides those of the kind, as `keras.layers.Layer`."""
        classes = (part for part in get_args(self.annotation) if isinstance(part, type))
        return tuple(part for part in classes if not isinstance(getattr(part, "kind", None), str))

    @property
    def use(self) -> str | None:
        """The component that a spec uses if it names none."""
        return next((part.name for part in get_args(self.annotation) if isinstance(part, Use)), None)

    @property
    def required(self) -> bool:
        """Whether a spec must give it."""
        return self.default is REQUIRED and self.use is None

    @property
    def is_path(self) -> bool:
        """Whether its text is a path, or each text of its list."""
        return _has_marker(self.annotation)

    @property
    def expected(self) -> str:
        """The values that it accepts, in words."""
        return with_article(self.kind) if self.kind else describe(self.annotation)

    @cached_property
    def _adapter(self) -> TypeAdapter[object]:
        """Validates values of the annotation.

        Raises:
            PluginError: the type has no values in JSON, as a function has none.
        """
        try:
            return TypeAdapter(self.annotation)
        except PydanticUserError as error:
            raise PluginError(
                f"parameter {self.name!r} has a type that a spec cannot hold: {describe(self.annotation)}."
            ) from error

    def parse(self, value: object) -> object:
        """A plain value in the type of the annotation, without conversions other than list to tuple.

        Raises:
            TypeError: no spec can hold the value.
            ValueError: it is of another type, out of bounds, also in single precision, or not finite.
            PluginError: a spec cannot hold values of the annotation.
        """
        adapter = self._adapter
        found = adapter.validate_json(json.dumps(value, allow_nan=False, default=_to_json), strict=True)
        if (rounded := without_tiny(found)) != found:
            adapter.validate_python(rounded, strict=True)  # where a number must be above 0
        return found

    def accepts(self, value: object) -> bool:
        """Whether a value is right as an argument in Python; always where a spec cannot hold the annotation."""
        if self.annotation is Any or (value is None and self.default is None):
            return True
        if self.base is not None:
            no_component = getattr(type(value), "kind", None) is None
            return isinstance(value, self.base) or (no_component and isinstance(value, self.alternatives))
        try:
            self.parse(value)
        except PluginError:
            return True
        except (TypeError, ValueError):  # pydantic's errors are of the second kind
            return False
        return True

    def json_schema(self) -> Table:
        """The JSON Schema of a plain parameter.

        Raises:
            PluginError: a spec cannot hold values of the annotation.
        """
        schema = self._adapter.json_schema() | {"description": self.description}
        if self.default is not REQUIRED:
            schema["default"] = self._adapter.dump_python(self.default, mode="json")
        return schema


class Signature:
    """The parameters of a class, as its author wrote them. Use the cached `Signature.of`.

    Args:
        factory: the class, or a function that makes an object.

    Attributes:
        problem: why a spec cannot use the class, empty if it can.
    """

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.problem = ""
        self.doc = _docstring(inspect.getdoc(factory) or "")
        # Classes may define __new__, which inspect.signature(factory) would read instead.
        function = factory.__init__ if inspect.isclass(factory) else factory
        self.call = inspect.signature(function)
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except (NameError, TypeError) as error:
            hints = {}
            self.problem = f"a type in its signature cannot be resolved: {error}."
        lines = {part.arg_name: " ".join((part.description or "").split()) for part in self.doc.params}
        self.all: dict[str, Parameter] = {}
        for name, parameter in self.call.parameters.items():
            if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            self.all[name] = Parameter(name, hints.get(name, Any), parameter.default, lines.get(name, ""))
            if name == "use":
                self.problem = "its parameter is named 'use', which names components in a spec. Rename it."
            elif name not in hints and name not in CONTEXT and not self.problem:
                remedy = f"Write {name}: int, float, bool, str, tuple[int, ...] or another type."
                self.problem = (
                    f"its parameter {name!r} has no type annotation, so a spec cannot be checked against it. "
                    f"{context_like(name) or remedy}"
                )

    @staticmethod
    def read(factory: Factory) -> Signature:
        """The signature of any class, whether a spec can use it or not; cached."""
        if factory not in _CACHE:
            _CACHE[factory] = Signature(factory)
        return _CACHE[factory]

    @staticmethod
    def of(factory: Factory) -> Signature:
        """The signature of a class for specs; cached.

        Raises:
            PluginError: a spec cannot use the class: a parameter has no type, or one that cannot be resolved.
        """
        signature = Signature.read(factory)
        if signature.problem:
            raise PluginError(f"{factory.__name__}: {signature.problem}")
        return signature

    def given(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call of `__init__` by name; none where Python itself will refuse them."""
        try:
            return self.call.bind(None, *arguments, **keywords).arguments
        except TypeError:
            return {}

    @property
    def context(self) -> list[str]:
        """The parameters that the assembler supplies."""
        return [name for name in self.all if name in CONTEXT]

    def context_for(self, name: str, settings: Mapping[str, Any], context: Context) -> Context:
        """What the assembler supplies to the component in a parameter: the same, unless the class says otherwise.

        A class whose parts are of another size has a static method `inner_context` with these arguments.

        Args:
            name: the parameter.
            settings: the plain parameters that are set.
            context: what the assembler supplies to this class.

        Raises:
            ConfigError: the settings do not go with the context.
        """
        own = getattr(self.factory, "inner_context", None)
        return context if own is None else own(name, settings, context)

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

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.short_description or ""


_CACHE: dict[Factory, Signature] = {}


def _docstring(text: str) -> docstring_parser.Docstring:
    """The parts of a docstring; of one with a section that cannot be read, as an empty one, the summary."""
    try:
        return docstring_parser.parse(text, docstring_parser.DocstringStyle.GOOGLE)
    except docstring_parser.ParseError:
        return docstring_parser.parse(text.partition("\n\n")[0], docstring_parser.DocstringStyle.GOOGLE)


def _has_marker(annotation: object) -> bool:
    return isinstance(annotation, PathMarker) or any(map(_has_marker, get_args(annotation)))


def without_tiny(value: object) -> object:
    """A value, or a tuple, with 0 for what single precision makes 0; components compute in that."""
    if isinstance(value, tuple):
        return tuple(map(without_tiny, value))
    return 0.0 if isinstance(value, float) and abs(value) < _TINY else value


_TINY = float(np.finfo(np.float32).tiny)


def _to_json(value: object) -> object:
    """Numbers and shapes of the libraries in JSON's types.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    as_list = getattr(value, "as_list", None)  # a tf.TensorShape
    if callable(as_list):
        return as_list()
    raise TypeError(f"expected a value that JSON has; got {value!r}")

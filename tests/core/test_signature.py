"""The signature is the schema: types, bounds, defaults and descriptions, read from `__init__`."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

import annotated_types
import pytest
from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen

from probvae.core import (
    REQUIRED,
    Encoder,
    LikelihoodHead,
    Parameter,
    Positive,
    PositiveFloat,
    PosteriorHead,
    Prior,
    Shape,
    Signature,
    Use,
    context_like,
)
from probvae.core.words import describe
from probvae.errors import PluginError

Nested = tuple[Annotated[int, Ge(1), Le(9)], ...]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "an integer"),
        (float, "a number"),
        (bool, "true or false"),
        (str, "a string"),
        (dict, "a table"),
        (Positive, "an integer >= 1"),
        (PositiveFloat, "a number > 0"),
        (Annotated[float, Gt(0), Lt(0.5)], "a number > 0 and < 0.5"),
        (Annotated[int, Ge(1), Le(9)], "an integer >= 1 and <= 9"),
        (Annotated[str, "a note of no meaning"], "a string"),
        (Literal["a", "b"], "one of 'a', 'b'"),
        (Literal[1, 2], "one of 1, 2"),
        (int | None, "an integer; or nothing"),
        (Optional[int], "an integer; or nothing"),  # noqa: UP045
        (int | str, "an integer; or a string"),
        (PositiveFloat | None, "a number > 0; or nothing"),
        (tuple[int, ...], "a list, each an integer"),
        (list[int], "a list, each an integer"),
        (tuple[float, float], "a list of 2: a number, a number"),
        (tuple[int, str, bool], "a list of 3: an integer, a string, true or false"),
        (Shape, "a list, each an integer"),
        (Nested, "a list, each an integer >= 1 and <= 9"),
        (tuple[tuple[int, ...], ...], "a list, each a list, each an integer"),
        (Annotated[tuple[int, ...], MinLen(1)], "a list, each an integer (1 or more of them)"),
        (Annotated[tuple[int, ...], MaxLen(3)], "a list, each an integer (3 or fewer of them)"),
        (Positive | tuple[Positive, ...], "an integer >= 1; or a list, each an integer >= 1"),
        (tuple[float, float] | None, "a list of 2: a number, a number; or nothing"),
    ],
)
def test_a_type_in_words(annotation, words):
    assert describe(annotation) == words


@pytest.mark.parametrize(
    ("annotation", "word"),
    [
        (dict[str, int], "table"),
        (list, "a list"),
        (tuple, "a list"),
        (Annotated[int, Interval(ge=1, le=3)], ">= 1"),
        (Annotated[tuple[int, ...], Len(1, 3)], "1"),
        (Annotated[int, annotated_types.MultipleOf(4)], "4"),
    ],
)
def test_other_forms_of_types_and_bounds_in_words(annotation, word):
    assert word in describe(annotation)


# What is read


class Thing(Prior):
    """A thing of all sorts.

    More about it.

    Args:
        latent_dim: D, the size of one latent.
        encoder: q(z|x).
        count: how many, written on
            two lines.
        rate: how fast.
        name: how it is called.
        sizes: of the layers.
        head: what it makes.
        other: another head.
        copy: a name that pydantic keeps for itself.
        schema: another.
        model_config: one more.
    """

    def __init__(
        self,
        latent_dim: int,
        encoder: Encoder,
        count: Positive,
        head: LikelihoodHead,
        other: Annotated[PosteriorHead, Use("diagonal_normal")],
        rate: PositiveFloat = 1.0,
        name: str = "",
        sizes: tuple[Positive, ...] = (1, 2),
        copy: bool = False,
        schema: int = 1,
        model_config: str | None = None,
        undocumented: int = 0,
        *arguments: int,
        **options: Any,
    ) -> None:
        raise NotImplementedError

    def distribution(self):
        raise NotImplementedError


@pytest.fixture(scope="module")
def thing():
    return Signature.of(Thing)


def test_a_signature_separates_what_a_spec_gives_from_what_the_assembler_supplies(thing):
    assert thing.context == ["latent_dim", "encoder"]
    assert list(thing.components) == ["head", "other"]
    assert list(thing.plain) == [
        *("count", "rate", "name", "sizes", "copy", "schema", "model_config", "undocumented"),
    ]
    assert thing.settable == {**thing.plain, **thing.components}


def test_a_signature_knows_kinds_defaults_and_what_is_required(thing):
    assert [name for name, parameter in thing.settable.items() if parameter.required] == ["count", "head"]
    assert (thing.all["head"].kind, thing.all["head"].use) == ("likelihood", None)
    assert (thing.all["other"].kind, thing.all["other"].use) == ("posterior", "diagonal_normal")
    assert (thing.all["head"].expected, thing.all["count"].expected) == ("a likelihood", "an integer >= 1")
    assert thing.all["sizes"].default == (1, 2)


def test_a_signature_has_the_docstrings_lines(thing):
    assert thing.summary == "A thing of all sorts."
    assert thing.all["count"].description == "how many, written on two lines."
    assert thing.all["undocumented"].description == ""


def test_a_default_is_right_by_its_own_annotation(thing):
    defaults = {name: part.parse(part.default) for name, part in thing.plain.items() if not part.required}
    assert defaults == {
        **{"rate": 1.0, "name": "", "sizes": (1, 2), "copy": False, "schema": 1},
        **{"model_config": None, "undocumented": 0},
    }


def test_a_signature_is_read_once(thing):
    assert Signature.of(Thing) is thing


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"count": True}, "count"),
        ({"count": 1.0}, "count"),
        ({"count": "1"}, "count"),
        ({"count": None}, "count"),
        ({"count": [1]}, "count"),
        ({"count": 0}, "count"),
        ({"count": 1, "rate": "1"}, "rate"),
        ({"count": 1, "rate": True}, "rate"),
        ({"count": 1, "rate": 0}, "rate"),
        ({"count": 1, "rate": float("nan")}, "rate"),
        ({"count": 1, "rate": float("inf")}, "rate"),
        ({"count": 1, "name": 1}, "name"),
        ({"count": 1, "name": None}, "name"),
        ({"count": 1, "sizes": 1}, "sizes"),
        ({"count": 1, "sizes": "12"}, "sizes"),
        ({"count": 1, "sizes": [1, 0]}, "sizes"),
        ({"count": 1, "sizes": [1, 1.5]}, "sizes"),
        ({"count": 1, "sizes": [[1]]}, "sizes"),
        ({"count": 1, "sizes": {"0": 1}}, "sizes"),
        ({"count": 1, "copy": 1}, "copy"),
        ({"count": 1, "copy": "true"}, "copy"),
        ({"count": 1, "model_config": 1}, "model_config"),
    ],
)
def test_a_value_of_another_type_is_refused(values, name, thing):
    with pytest.raises(ValueError):  # noqa: PT011 the caller says what was expected
        thing.plain[name].parse(values[name])
    assert not thing.plain[name].accepts(values[name]) or values[name] is thing.plain[name].default


@pytest.mark.parametrize(
    ("values", "name", "value"),
    [
        ({"rate": 1}, "rate", 1.0),
        ({"rate": 1e300}, "rate", 1e300),
        ({"count": 10**20}, "count", 10**20),
        ({"sizes": []}, "sizes", ()),
        ({"sizes": [3]}, "sizes", (3,)),
        ({"model_config": None}, "model_config", None),
        ({"name": "é\n"}, "name", "é\n"),
    ],
)
def test_a_value_of_the_type_is_taken_and_typed(values, name, value, thing):
    found = thing.plain[name].parse(values[name])
    assert found == value
    assert type(found) is type(value)


# Other factories


def test_a_class_without_an_init_of_its_own_has_its_parents():
    class Child(Thing):
        """A child."""

    class Bare:
        """Nothing at all."""

    assert list(Signature.of(Child).all) == list(Signature.of(Thing).all)
    assert Signature.of(Bare).all == {}


def test_a_dataclass_and_a_function_have_signatures_too():
    @dataclass
    class Settings:
        """Settings.

        Args:
            rate: how fast.
        """

        rate: PositiveFloat = 1.0

    def factory(rate: int = 1) -> None:
        """A factory."""

    assert Signature.of(Settings).plain["rate"].description == "how fast."
    assert Signature.of(factory).plain["rate"].expected == "an integer"


def test_a_class_without_a_docstring_has_an_empty_summary():
    class Bare:
        def __init__(self, x: int = 1) -> None: ...

    assert Signature.of(Bare).summary == ""
    assert Signature.of(Bare).plain["x"].description == ""


# What is refused


def test_a_parameter_without_a_type_is_refused_with_a_fix():
    class Wrong:
        def __init__(self, width=3) -> None: ...

    with pytest.raises(PluginError, match="Wrong: its parameter 'width' has no type annotation") as refused:
        Signature.of(Wrong)
    assert "Write width: int, float, bool, str, tuple[int, ...] or another type." in str(refused.value)


def test_a_parameter_without_a_type_that_is_nearly_one_of_the_context_is_refused_with_that_one():
    class Wrong:
        def __init__(self, latents_dim) -> None: ...

    with pytest.raises(PluginError, match=r"mean latent_dim, which is supplied from \[model\] latent_dim\?"):
        Signature.of(Wrong)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("latents_dim", "latent_dim"),
        ("latent_size", "latent_dim"),
        ("event_shapes", "event_shape"),
        ("scale", ""),
        ("encoder_width", ""),
        ("dim", ""),
    ],
)
def test_the_context_parameter_of_a_similar_name_is_suggested(name, meant):
    assert context_like(name).partition(",")[0] == (meant and f"Did its author mean {meant}")


def test_a_type_that_cannot_be_resolved_is_refused():
    class Wrong:
        def __init__(self, width: Nowhere = 3) -> None: ...  # noqa: F821

    with pytest.raises(PluginError, match=r"Wrong: a type .* cannot be resolved: name 'Nowhere'"):
        Signature.of(Wrong)


def test_a_type_that_a_spec_cannot_hold_is_refused():
    class Opaque:
        pass

    parameter = Parameter("width", Opaque, REQUIRED, "")
    with pytest.raises(PluginError, match="parameter 'width' has a type that a spec cannot hold: Opaque") as error:
        parameter.parse(3)
    assert "\n" not in str(error.value)
    with pytest.raises(PluginError, match="cannot hold"):
        parameter.json_schema()
    assert parameter.accepts(Opaque())  # in Python it is left to the class


@pytest.mark.parametrize("annotation", [int, dict[str, str], Any, tuple[int, ...]])
@pytest.mark.parametrize("value", [REQUIRED, object(), datetime.date(1979, 5, 27)])
def test_what_no_spec_can_hold_is_no_value_of_any_type(annotation, value):
    with pytest.raises(TypeError, match="expected a value that JSON has"):
        Parameter("options", annotation, REQUIRED, "").parse(value)


@pytest.mark.parametrize("default", ["three", None, 0])
def test_a_default_that_its_own_type_does_not_allow_is_refused(default):
    class Wrong:
        def __init__(self, width: Positive = default) -> None: ...

    width = Signature.of(Wrong).plain["width"]
    with pytest.raises(ValueError):  # noqa: PT011 the caller says what was expected
        width.parse(width.default)


def test_a_parameter_named_use_is_refused():
    class Wrong:
        def __init__(self, use: int = 3) -> None: ...

    with pytest.raises(PluginError, match="use"):
        Signature.of(Wrong)


def test_a_context_parameter_needs_no_type():
    class Right:
        def __init__(self, latent_dim, width: int = 3) -> None: ...

    assert Signature.of(Right).context == ["latent_dim"]


def test_a_docstring_with_an_empty_section_is_read_as_far_as_it_goes():
    class Brief:
        """What it is.

        Args:
        """

        def __init__(self, size: int = 1) -> None: ...

    signature = Signature.of(Brief)
    assert (signature.summary, signature.all["size"].description) == ("What it is.", "")

"""Hypothesis strategies: shapes, seeds, and every configuration that a component's signature allows.

    from hypothesis import given
    from probvae.testing import strategies

    @given(strategies.configurations("prior", "mixture"), strategies.seeds())
    def test_something(configuration, seed): ...

All of them shrink towards what is small: few dimensions, one row, small numbers.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import annotated_types as at
from hypothesis import strategies as st

from probvae.core import Annotation, Factory, Parameter, Shape, Table
from probvae.errors import PluginError
from probvae.testing.case import Case
from probvae.testing.checking import Region
from probvae.testing.subject import Subject

Strategy = st.SearchStrategy


def latent_dims(largest: int = 4) -> Strategy[int]:
    """Sizes D of a latent, from 1."""
    return st.integers(1, largest)


def event_shapes(images: bool = True) -> Strategy[Shape]:
    """Shapes *E of one example: vectors, and images [height, width, channels] small enough to be fast.

    Args:
        images: whether there are any.
    """
    vectors = st.tuples(st.integers(1, 5))
    sides = st.sampled_from((4, 8, 2))
    return st.one_of(vectors, st.tuples(sides, sides, st.integers(1, 2))) if images else vectors


def signal_and_image_shapes() -> Strategy[Shape]:
    """Shapes *E of one example for networks: also signals [length, channels], and images of any size up to 8."""
    sides, channels = st.integers(1, 8), st.integers(1, 2)
    return st.one_of(event_shapes(), st.tuples(sides, channels), st.tuples(sides, sides, channels))


def batch_shapes() -> Strategy[Shape]:
    """Shapes [B] of a batch of one axis."""
    return st.tuples(st.integers(1, 4))


def leading_shapes() -> Strategy[Shape]:
    """Shapes [...] of up to two axes, none included, as a decoder takes."""
    return st.lists(st.integers(1, 3), max_size=2).map(tuple)


def sample_shapes() -> Strategy[Shape]:
    """Shapes of what is drawn: one, [S], or [S1, S2]."""
    return st.lists(st.integers(1, 3), max_size=2).map(tuple)


def seeds() -> Strategy[int]:
    """Seeds of initial values, inputs and draws."""
    return st.integers(0, 2**16)


def configurations(kind: str, of: str | Factory) -> Strategy[Table]:
    """Configurations of a component, valid as far as its signature says: types, bounds, literals, components.

    A configuration is a table as in a spec; parameters that the assembler supplies are not in it. Numbers are
    drawn near the ends of their bounds, so that sizes stay small. Where two parameters exclude each other, the
    class refuses the configuration with a typed error; that is its right.

    Args:
        kind: the component's kind.
        of: its registered name, or its class.

    Raises:
        PluginError: there are too many values to draw from, as for a string without a default.
    """
    return configurations_of(Subject(kind, of))


def configurations_of(subject: Subject) -> Strategy[Table]:
    """As `configurations`, of a subject."""
    drawn = {name: _parameter(subject, parameter) for name, parameter in subject.signature.settable.items()}
    unknown = [p for n, p in subject.signature.settable.items() if drawn[n] is None and p.required]
    if unknown and subject.promises.cases:
        return st.sampled_from([dict(table) for table in subject.promises.cases])
    if unknown:
        raise PluginError(
            f"{subject.name}: no values can be drawn for {unknown[0].name}, {unknown[0].expected}, and it has no "
            "default. Give it one, narrow its type (Literal, bounds), or add promises = Promises(cases=(...))."
        )
    return st.fixed_dictionaries({n: s for n, s in drawn.items() if s is not None})


def cases(kind: str, of: str | Factory) -> Strategy[Case]:
    """All that a property needs to be repeated: a configuration, shapes, and a seed.

    `Subject(kind, of).build(case)` makes the component.

    Args:
        kind: the component's kind.
        of: its registered name, or its class.

    Raises:
        PluginError: there are too many values to draw from, as for a string without a default.
    """
    return cases_of(Subject(kind, of), {})


def cases_of(subject: Subject, region: Region) -> Strategy[Case]:
    """As `cases`, of a subject, with some of the shapes drawn as a region says."""
    return st.builds(Case, configuration=configurations_of(subject), **shapes_of(subject, region))


def shapes_of(subject: Subject, region: Region) -> dict[str, Strategy[object]]:
    """What is drawn for a case in addition to its configuration; other fields keep their defaults."""
    drawn: dict[str, Strategy[object]] = {
        "perturbation": st.sampled_from((0.0, 0.1, 0.3)),
        "seed": seeds(),
        "samples": sample_shapes(),
    }
    if subject.kind != "likelihood":
        drawn["latent_dim"] = latent_dims()
    if subject.kind in ("encoder", "decoder", "classifier", "likelihood") or "event_shape" in subject.context:
        drawn["event_shape"] = event_shapes()
    if condition := subject.asks:
        drawn["condition_dim"] = st.integers(
            1 if condition.required else 0, 1 if subject.kind == "likelihood" else 3
        )
        drawn["batch"] = batch_shapes()
    if "classes" in subject.context:
        drawn["classes"] = st.integers(2, 4)
    if subject.kind == "network":
        drawn |= {"event_shape": signal_and_image_shapes(), "decodes": st.booleans()}
    if subject.kind in ("encoder", "classifier", "posterior", "objective", "bijector"):
        drawn["batch"] = batch_shapes()
    if subject.kind in ("decoder", "likelihood", "network"):
        drawn["batch"] = leading_shapes()
    answered = "event_shape" if subject.kind in ("decoder", "likelihood") else "latent_dim"
    sizes = {"event_shape", "latent_dim"} - {answered}  # what a region says of sizes is said of the answer's
    return drawn | {name: found for name, found in region.items() if name in drawn and name not in sizes}


def wrong_values(parameter: Parameter) -> Iterator[object]:
    """Values that a plain parameter must refuse: beyond each bound, and of other types."""
    annotation = parameter.annotation
    base, markers = _parted(annotation)
    low, high = _ends(markers, 0)
    if low is not None:
        yield low if any(isinstance(m, at.Gt) and m.gt == low for m in markers) else low - max(1, abs(low))
    if high is not None:
        yield high if any(isinstance(m, at.Lt) and m.lt == high for m in markers) else high + max(1, abs(high))
    if get_origin(base) in (tuple, list) and any(isinstance(m, at.MinLen) and m.min_length > 0 for m in markers):
        yield ()
    if base in (int, float, bool) or get_origin(base) in (Literal, tuple, list):
        yield "no such thing"
    if base is int:
        yield 1.5
    if base is float:
        yield float("nan")


def some_values(parameter: Parameter) -> list[object]:
    """A few ordinary values of a plain parameter, none where they cannot be listed: every choice, or the ends."""
    base, markers = _parted(parameter.annotation)
    if get_origin(base) in (Union, types.UnionType):
        parts = (replace(parameter, annotation=part) for part in _alternatives(base, markers))
        return [value for part in parts for value in some_values(part)]
    if base is type(None):
        return [None]
    if base is bool:
        return [False, True]
    if get_origin(base) is Literal:
        return list(get_args(base))
    if base not in (int, float):
        return []
    low, high = _ends(markers, 1 if base is int else 0.05)
    if low is None:
        low = _lowest(high, 4) if base is int else min(-10.0, high or 0.0)
    ends = (low, low + 1, low + (4 if base is int else 10.0))
    return sorted({base(end if high is None else min(end, high)) for end in ends})


def _parameter(subject: Subject, parameter: Parameter) -> Strategy[object] | None:
    if parameter.kind:
        return _components(subject, parameter.kind)
    return _values(parameter.annotation)


def _components(subject: Subject, kind: str) -> Strategy[Table] | None:
    """Tables of any component of a kind that the subject may hold, with any configuration of its own."""
    tables = {}
    for name in subject.choices(kind):
        with suppress(PluginError):  # one that needs a string is left out, as long as there are others
            tables[name] = configurations_of(Subject(kind, name, subject.registry))

    def table(name: str) -> Strategy[Table]:
        return tables[name].map(lambda values: {"use": name, **values})

    return st.sampled_from([*tables]).flatmap(table) if tables else None


def _values(annotation: Annotation) -> Strategy[object] | None:
    """Values of a type, None where there are too many to choose from, as for a string."""
    base, markers = _parted(annotation)
    if base is bool:
        return st.booleans()
    if base is int:
        low, high = _ends(markers, 1)
        low = _lowest(high, 4) if low is None else low
        return st.integers(int(low), int(low + 4 if high is None else min(high, low + 4)))
    if base is float:
        return _floats(markers)
    if get_origin(base) is Literal:
        return st.sampled_from(get_args(base))
    if base is type(None):
        return st.none()
    if get_origin(base) in (Union, types.UnionType):
        known = [drawn for part in _alternatives(base, markers) if (drawn := _values(part)) is not None]
        return st.one_of(*known) if known else None
    if get_origin(base) in (tuple, list):
        return _sequences(base, markers)
    return None


def _sequences(base: object, markers: list[object]) -> Strategy[object] | None:
    parts = get_args(base)
    if not parts:
        return None
    if get_origin(base) is tuple and not (len(parts) == 2 and parts[1] is Ellipsis):
        known = [drawn for part in parts if (drawn := _values(part)) is not None]
        return st.tuples(*known) if len(known) == len(parts) else None
    element = _values(parts[0])
    if element is None:
        return None
    least = max([m.min_length for m in markers if isinstance(m, at.MinLen)], default=0)
    most = min([m.max_length for m in markers if isinstance(m, at.MaxLen) and m.max_length], default=least + 2)
    return st.lists(element, min_size=least, max_size=min(most, least + 2)).map(tuple)


def _floats(markers: list[object]) -> Strategy[float]:
    """Numbers of ordinary size, within the bounds: up to 10 in size, and no nearer than 0.05 to an open end.

    Where both ends are less than 1 apart, no nearer than a twentieth of that.
    """
    low, high = _ends(markers, 0)
    width = min(1.0, high - low) if None not in (low, high) else 1.0
    low, high = _ends(markers, 0.05 * width)
    if low is None:
        low = -10.0 if high is None else high - 10.0
    if high is None:
        high = low + 10.0
    digits = 3 - math.floor(math.log10(width)) if width > 0 else None
    drawn = st.floats(low, high, allow_nan=False)
    return drawn if digits is None else drawn.map(lambda x: round(x, digits)).filter(lambda x: low <= x <= high)


def _ends(markers: list[object], step: float) -> tuple[Any, Any]:
    """The lowest and the highest value, `step` within where the end itself is excluded; None where open."""
    lows: list[Any] = []
    highs: list[Any] = []
    for marker in markers:
        match marker:
            case at.Ge():
                lows.append(marker.ge)
            case at.Gt():
                lows.append(cast(Any, marker.gt) + step)
            case at.Le():
                highs.append(marker.le)
            case at.Lt():
                highs.append(cast(Any, marker.lt) - step)
    return max(lows, default=None), min(highs, default=None)


def _parted(annotation: object) -> tuple[Any, list[object]]:
    """A type without its markers, and the markers one by one."""
    markers: list[object] = []
    while get_origin(annotation) is Annotated or hasattr(annotation, "__value__"):  # that of `type Size = ...`
        annotation, *found = get_args(annotation) or (getattr(annotation, "__value__", None),)
        for marker in found:
            markers += marker if isinstance(marker, at.GroupedMetadata) else [marker]
    return annotation, markers


def _alternatives(union: object, markers: list[object]) -> list[Annotation]:
    """The types of a union, each with the markers of the whole."""
    marked: Any = Annotated
    return [marked[(part, *markers)] if markers and part is not type(None) else part for part in get_args(union)]


def _lowest(high: Any, width: int) -> int:
    """The lowest integer that is drawn where there is no lower bound."""
    return -2 if high is None else min(-2, int(high) - width)

"""The search for a parameter that has no effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from probvae.core import Table
from probvae.testing.case import Case
from probvae.testing.checking import Violation

T = TypeVar("T")


def all_have_an_effect(
    values: Mapping[str, list[object]],
    settings: Sequence[tuple[Case, Table]],
    build: Callable[[Case], T | None],
    differ: Callable[[list[T]], bool],
    what: str,
) -> None:
    """Whether each parameter changes something, for some values of the others.

    Args:
        values: a few values of each parameter by name.
        settings: shapes, and the values of the other parameters; tried one after the other.
        build: makes a component of a case; None where the class refuses it.
        differ: whether components that differ in the parameter alone compute different things.
        what: where an effect would show, in a phrase.

    Raises:
        Violation: components could be compared, and one parameter has no effect on any of them.
    """
    for name, few in values.items():
        if len(few) < 2:
            continue
        compared = 0
        tried: list[tuple[Case, Table]] = []
        for case, table in settings:
            rest = {other: value for other, value in table.items() if other != name}
            if (case, rest) in tried:
                continue
            tried.append((case, rest))
            made = [build(replace(case, configuration={**rest, name: value})) for value in few]
            built = [part for part in made if part is not None]
            # None may mean one of the others, where that alone is not refused.
            others = sum(part is not None and value is not None for part, value in zip(made, few, strict=True))
            compared += others > 1 or len(built) == len(few)
            if len(built) > 1 and differ(built):
                break
        else:
            if compared:
                said = ", ".join(map(repr, few))
                raise Violation(f"{name} has no effect on {what}: tried {said}. Use it or remove it.")


def random_tables(values: Mapping[str, list[object]], count: int, rng: np.random.Generator) -> list[Table]:
    """Random values of all parameters that have several."""
    several = {name: few for name, few in values.items() if len(few) > 1}
    return [{name: few[rng.integers(len(few))] for name, few in several.items()} for _ in range(count)]

"""What a component's signature can say beyond types and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from annotated_types import Ge, Gt

Positive: TypeAlias = Annotated[int, Ge(1)]
PositiveFloat: TypeAlias = Annotated[float, Gt(0)]


@dataclass(frozen=True)
class Use:
    """The component that a spec uses for a parameter that it does not mention.

    `posterior: Annotated[PosteriorHead, Use("diagonal_normal")]` is required in Python and optional in a spec.
    """

    name: str

"""What a component can say of itself beyond types and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt

Positive: TypeAlias = Annotated[int, Ge(1)]
PositiveFloat: TypeAlias = Annotated[float, Gt(0)]


@dataclass(frozen=True)
class Use:
    """The component that a spec uses for a parameter that it does not mention.

    `posterior: Annotated[PosteriorHead, Use("diagonal_normal")]` is required in Python and optional in a spec.
    """

    name: str


Tag: TypeAlias = Literal["reparameterized", "xla"]


@dataclass(frozen=True)
class Promises:
    """What a class promises to the contract kit, `probvae.testing`.

    Args:
        tags: what it keeps beyond the contract of its kind: "reparameterized" (the samples of a prior carry
            gradients to its variables; encoders and posteriors owe that anyway), "xla" (it compiles, and gives the
            same).
        cases: configurations to try beside the default and the random ones, each a table as in a spec.
        expected_failures: check -> the reason why it fails; such a check turns red when it starts to pass.
    """

    tags: tuple[Tag, ...] = ()
    cases: tuple[Mapping[str, object], ...] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)

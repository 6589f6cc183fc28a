"""Types for signatures, and the promises that a class makes to the contract kit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt

Positive: TypeAlias = Annotated[int, Ge(1)]
PositiveFloat: TypeAlias = Annotated[float, Gt(0)]


class PathMarker:
    """Marks a type whose text is a path; see `FilePath`."""


FilePath: TypeAlias = Annotated[str, PathMarker()]
"""A path. In a spec it is relative to the folder of the spec; a run stores it as an absolute one."""


@dataclass(frozen=True)
class Use:
    """The component that a spec uses for a parameter that it leaves out.

    `posterior: Annotated[PosteriorHead, Use("diagonal_normal")]` is required in Python and optional in a spec.

    Args:
        name: the registered name of the component.
    """

    name: str


Tag: TypeAlias = Literal["reparameterized", "xla", "hierarchy"]


@dataclass(frozen=True)
class Promises:
    """What a class promises to the contract kit, `probvae.testing`.

    Args:
        tags: properties beyond the contract of its kind: "reparameterized" (the samples of a prior carry
            gradients to its variables, as those of every encoder and posterior must), "xla" (it compiles with XLA,
            with the same results), "hierarchy" (it makes a `Hierarchy`; lower blocks depend on upper ones).
        cases: configurations to check in addition to the default and random ones, each a table as in a spec.
        expected_failures: check -> the reason why it fails; such a check is reported when it passes.
    """

    tags: tuple[Tag, ...] = ()
    cases: tuple[Mapping[str, object], ...] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)

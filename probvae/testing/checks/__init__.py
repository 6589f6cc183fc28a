"""The checks, by what they are about; importing this package lists them, the basic ones first."""

from collections.abc import Iterator

from probvae.testing.checking import ALL, Check

from probvae.testing.checks import (  # noqa: F401  # isort: skip  # listed in this order
    construction,
    distributions,
    variables,
    randomness,
    graphs,
    rows,
    conditions,
    left_out,
    elements,
    parameters,
    gradients,
    bijectors,
    joints,
    objectives,
    densities,
    divergences,
    saving,
    networks,
)


def iter_checks(kind: str | None = None) -> Iterator[Check]:
    """The checks of a kind, or all, the quick and basic ones first."""
    return (found for found in ALL if kind is None or kind in found.kinds)

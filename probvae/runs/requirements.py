"""The components of plugins that a run needs."""

from __future__ import annotations

from collections.abc import Iterator

from probvae.registry import Registry
from probvae.specs import Plan
from probvae.specs.planned import PlannedComponent


def required(plan: Plan, registry: Registry) -> dict[str, str]:
    """The components of plugins in a plan, each with the distribution and its version, or the file, of it."""
    components = [each for table in (*plan.components.values(), *plan.metrics) for each in _all(table)]
    return {each.use: registry.owner(each.kind, each.use) for each in components if "." in each.use}


def _all(table: PlannedComponent) -> Iterator[PlannedComponent]:
    """A component and those within it."""
    yield table
    for inner in table.components.values():
        yield from _all(inner)

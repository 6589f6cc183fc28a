"""The components of plugins that a run needs."""

from __future__ import annotations

from probvae.registry import Registry
from probvae.specs import Plan
from probvae.specs.planned import PlannedComponent


def required(plan: Plan, registry: Registry) -> dict[str, str]:
    """The components of plugins in a plan, each with the distribution and its version, or the file, of it."""
    components = [table for table in plan.tables() if isinstance(table, PlannedComponent)]
    return {each.use: registry.owner(each.kind, each.use) for each in components if "." in each.use}

"""Specs: from a file to a checked plan, and from a plan to objects."""

from probvae.specs.build import build_component, build_model, placeholder
from probvae.specs.data import SpecData
from probvae.specs.document import Document, read, show
from probvae.specs.json_schema import json_schema
from probvae.specs.plan import plan, plan_dataset
from probvae.specs.planned import Plan, PlannedComponent, PlannedTable
from probvae.specs.room import build_within_memory
from probvae.specs.setting import setting
from probvae.specs.support import check_support

__all__ = [
    "Document",
    "Plan",
    "PlannedComponent",
    "PlannedTable",
    "SpecData",
    "build_component",
    "build_model",
    "build_within_memory",
    "check_support",
    "json_schema",
    "placeholder",
    "plan",
    "plan_dataset",
    "read",
    "setting",
    "show",
]

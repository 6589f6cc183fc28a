"""Specs: from a file to a checked plan, and from a plan to objects."""

from probvae.specs.build import Assembly, Source, assemble, check_support, data_source, placeholder
from probvae.specs.document import Document, read
from probvae.specs.json_schema import json_schema
from probvae.specs.plan import Part, Plan, plan, plan_dataset
from probvae.specs.room import assemble_in_memory

__all__ = [
    "Assembly",
    "Document",
    "Part",
    "Plan",
    "Source",
    "assemble",
    "assemble_in_memory",
    "check_support",
    "data_source",
    "json_schema",
    "placeholder",
    "plan",
    "plan_dataset",
    "read",
]

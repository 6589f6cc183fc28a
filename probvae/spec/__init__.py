"""Specs: from a file to a checked plan, and from a plan to objects."""

from probvae.spec.build import Assembly, assemble, check_support, dataset, dataset_of
from probvae.spec.document import Document, read
from probvae.spec.json_schema import json_schema
from probvae.spec.plan import Part, Plan, plan, plan_dataset
from probvae.spec.signature import Signature, signature_of

__all__ = [
    "Assembly",
    "Document",
    "Part",
    "Plan",
    "Signature",
    "assemble",
    "check_support",
    "dataset",
    "dataset_of",
    "json_schema",
    "plan",
    "plan_dataset",
    "read",
    "signature_of",
]

"""Datasets, and the order in which their examples come: a function of a seed and a step.

Importing this package imports no TensorFlow; each name below is loaded when it is first used.
"""

from probvae._lazy import lazy
from probvae.data.plugin import BUILT_IN

TARGETS = [
    *(spec.target for spec in BUILT_IN),
    "probvae.data.feeding.batches:Batches",
    "probvae.data.feeding.batches:batches_in_order",
]

__all__, __getattr__, __dir__ = lazy(__name__, TARGETS)

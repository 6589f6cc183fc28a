"""Datasets, how their examples reach a model, and what the author of a dataset needs.

The folders: `datasets` (the built-in ones), `files` (formats, recognised by content and checked before memory is
used), `feeding` (batches and binarisation: functions of a seed and a step). Importing this package imports no
TensorFlow; each name below loads on first use.
"""

from probvae._lazy import lazy
from probvae.data.plugin import BUILT_IN

TARGETS = [
    *(spec.target for spec in BUILT_IN),
    "probvae.data.feeding.batches:Batches",
    "probvae.data.feeding.batches:batches_in_order",
    "probvae.data.datasets.given:as_dataset",
    "probvae.data.feeding.binarize:binarize_splits",
    "probvae.data.feeding.binarize:not_probabilities",
    "probvae.data.feeding.binarize:protocol",
    "probvae.data.files.kinds:kind_of",
    "probvae.data.settings:DataSettings",
    "probvae.core:available_memory",
    "probvae.core:readable",
]

__all__, __getattr__, __dir__ = lazy(__name__, TARGETS)

"""Runs: from a spec to a trained, drawn and measured model in a folder, and back from the folder to the model.

Importing this package imports no TensorFlow; each name loads on first use.
"""

from probvae._lazy import lazy

_WHERE = {
    "Run": "probvae.runs.folder",
    "build": "probvae.runs.models",
    "check": "probvae.runs.models",
    "evaluate": "probvae.runs.measuring",
    "load": "probvae.runs.models",
    "train": "probvae.runs.training",
}

__all__ = list(_WHERE)
__getattr__, __dir__ = lazy(__name__, _WHERE)

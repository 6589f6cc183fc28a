"""Runs: from a spec to a trained, drawn and measured model in a folder, and back from the folder to the model.

Importing this package imports no TensorFlow; each name loads on first use.
"""

from probvae._lazy import lazy

TARGETS = [
    "probvae.runs.folder:Run",
    "probvae.runs.models:build",
    "probvae.runs.models:check",
    "probvae.runs.measuring:evaluate",
    "probvae.runs.models:load",
    "probvae.runs.training:train",
]

__all__, __getattr__, __dir__ = lazy(__name__, TARGETS)

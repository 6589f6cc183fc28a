"""Runs: from a spec to a trained, drawn and measured model in a folder, and back from the folder to the model.

Importing this package imports no TensorFlow; each name loads on first use.
"""

from probvae._lazy import lazy

TARGETS = [
    "probvae.runs.folder:Run",
    "probvae.runs.loading:build",
    "probvae.runs.loading:check",
    "probvae.runs.comparison:compare",
    "probvae.runs.evaluation:evaluate",
    "probvae.runs.exporting:export",
    "probvae.runs.loading:load",
    "probvae.runs.sharing:pull",
    "probvae.runs.sharing:push",
    "probvae.runs.refitting:refit",
    "probvae.runs.reporting:write_report",
    "probvae.runs.sweeps.ranges:Interval",
    "probvae.runs.sweeps.sweeping:sweep",
    "probvae.runs.training:train",
]

__all__, __getattr__, __dir__ = lazy(__name__, TARGETS)

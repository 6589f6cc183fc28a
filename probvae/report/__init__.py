"""Figures of a trained model: curves, samples, reconstructions, latent space.

Importing this package imports neither TensorFlow nor matplotlib; each name below is loaded when it is first
used.
"""

from probvae._lazy import lazy

TARGETS = [
    "probvae.report.differences:run_differences",
    "probvae.report.folder:draw",
    "probvae.report.folder:Drawn",
    "probvae.report.history:curves",
    "probvae.report.examples:samples",
    "probvae.report.examples:reconstructions",
    "probvae.report.grid:latent_grid",
    "probvae.report.map:latent_map",
    "probvae.report.style:NoPictureError",
    "probvae.report.style:save",
]

__all__, __getattr__, __dir__ = lazy(__name__, TARGETS)

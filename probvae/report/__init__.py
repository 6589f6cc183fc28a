"""The pictures of a trained model: how it learned, what it makes up and makes again, where it puts things.

Importing this package imports neither TensorFlow nor matplotlib; each name below is loaded when it is first
used.
"""

from probvae._lazy import lazy

__all__ = [
    "draw",
    "Drawn",
    "curves",
    "samples",
    "reconstructions",
    "latent_grid",
    "latent_map",
    "NoPictureError",
    "save",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "draw": "probvae.report.folder",
        "Drawn": "probvae.report.folder",
        "curves": "probvae.report.history",
        "samples": "probvae.report.examples",
        "reconstructions": "probvae.report.examples",
        "latent_grid": "probvae.report.grid",
        "latent_map": "probvae.report.map",
        "NoPictureError": "probvae.report.style",
        "save": "probvae.report.style",
    },
)

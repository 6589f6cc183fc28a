"""Objectives: what is minimised. Importing this package imports no TensorFlow; each name loads on first use."""

from probvae._lazy import lazy

_WHERE = {
    "ELBO": "probvae.objectives.elbo",
    "IWAE": "probvae.objectives.iwae",
}

__all__ = list(_WHERE)
__getattr__, __dir__ = lazy(__name__, _WHERE)

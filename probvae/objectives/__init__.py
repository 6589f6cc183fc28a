"""Objectives: what is minimised. Importing this package imports no TensorFlow; each name loads on first use."""

from probvae._lazy import attributes

_WHERE = {
    "ELBO": "probvae.objectives.elbo",
    "IWAE": "probvae.objectives.iwae",
}

__all__ = list(_WHERE)
__getattr__ = attributes(__name__, _WHERE)

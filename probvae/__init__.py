"""probvae: variational autoencoders from interchangeable, checked parts, on TensorFlow Probability.

Importing this package imports no TensorFlow; each name below is loaded when it is first used.
"""

from probvae._lazy import attributes

__version__ = "0.1.0"

_WHERE = {
    "VAE": "probvae.core",
    "Component": "probvae.core",
    "Encoder": "probvae.core",
    "Decoder": "probvae.core",
    "Prior": "probvae.core",
    "PosteriorHead": "probvae.core",
    "LikelihoodHead": "probvae.core",
    "Objective": "probvae.core",
    "Dataset": "probvae.core",
    "ELBO": "probvae.objectives",
    "IWAE": "probvae.objectives",
    "ComponentSpec": "probvae.registry",
    "hookimpl": "probvae.registry",
    "register": "probvae.registry",
    "build": "probvae.runs",
    "load": "probvae.runs",
    "train": "probvae.runs",
}

__all__ = list(_WHERE)
__getattr__ = attributes(__name__, _WHERE)

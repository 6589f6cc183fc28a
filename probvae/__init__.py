"""probvae: variational autoencoders from interchangeable, checked parts, on TensorFlow Probability.

Importing this package imports no TensorFlow; each name below is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from probvae._lazy import lazy

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
    "RunView": "probvae.registry",
    "hookimpl": "probvae.registry",
    "register": "probvae.registry",
    "build": "probvae.runs",
    "load": "probvae.runs",
    "train": "probvae.runs",
}

__all__ = list(_WHERE)
__getattr__, __dir__ = lazy(__name__, _WHERE)

if TYPE_CHECKING:  # the same once more, for editors and type checkers
    from probvae.core import VAE as VAE
    from probvae.core import Component as Component
    from probvae.core import Dataset as Dataset
    from probvae.core import Decoder as Decoder
    from probvae.core import Encoder as Encoder
    from probvae.core import LikelihoodHead as LikelihoodHead
    from probvae.core import Objective as Objective
    from probvae.core import PosteriorHead as PosteriorHead
    from probvae.core import Prior as Prior
    from probvae.objectives.elbo import ELBO as ELBO
    from probvae.objectives.iwae import IWAE as IWAE
    from probvae.registry import ComponentSpec as ComponentSpec
    from probvae.registry import RunView as RunView
    from probvae.registry import hookimpl as hookimpl
    from probvae.registry import register as register
    from probvae.runs.models import build as build
    from probvae.runs.models import load as load
    from probvae.runs.training import train as train

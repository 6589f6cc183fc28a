"""The built-in components. Importing this package imports no TensorFlow; each name loads on first use."""

from probvae._lazy import lazy
from probvae.components.plugin import BUILT_IN

TARGETS = [spec.target for spec in BUILT_IN]

__all__, __getattr__, __dir__ = lazy(__name__, TARGETS)

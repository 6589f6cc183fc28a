"""probvae: variational autoencoders from interchangeable, checked parts, on TensorFlow Probability.

Importing this package imports no TensorFlow; each name below is loaded when it is first used.
"""

from probvae._lazy import attributes

__version__ = "0.1.0"

"""The models that benchmarks train."""

from __future__ import annotations

from probvae import VAE
from probvae.components import (
    Bernoulli,
    Conv,
    ConvTranspose,
    Dense,
    DiagonalNormal,
    NetworkDecoder,
    NetworkEncoder,
    StandardNormal,
)

EVENT = (28, 28, 1)


def dense() -> VAE:
    """784-400-20 and back, as in Kingma and Welling (2014): hardly any work for each image."""
    encoder = NetworkEncoder(Dense((400,)), DiagonalNormal(20), EVENT)
    return VAE(encoder, NetworkDecoder(Dense((400,)), Bernoulli(EVENT), 20), StandardNormal(20))


def conv() -> VAE:
    """The convolutional model of the recipe: two layers down, two up, two latents."""
    encoder = NetworkEncoder(Conv((32, 64)), DiagonalNormal(2), EVENT)
    return VAE(encoder, NetworkDecoder(ConvTranspose((64, 32)), Bernoulli(EVENT), 2), StandardNormal(2))

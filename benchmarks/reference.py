"""The models that benchmarks train."""

from __future__ import annotations

from probvae import VAE
from probvae.components import (
    Bernoulli,
    ConvEncoder,
    ConvTransposeDecoder,
    DenseDecoder,
    DenseEncoder,
    DiagonalNormal,
    StandardNormal,
)

EVENT = (28, 28, 1)


def dense() -> VAE:
    """784-400-20 and back, as in Kingma and Welling (2014): hardly any work for each image."""
    encoder = DenseEncoder(EVENT, DiagonalNormal(20), (400,))
    return VAE(encoder, DenseDecoder(20, Bernoulli(EVENT), (400,)), StandardNormal(20))


def conv() -> VAE:
    """The convolutional model of the recipe: two layers down, two up, two latents."""
    encoder = ConvEncoder(EVENT, DiagonalNormal(2), (32, 64))
    return VAE(encoder, ConvTransposeDecoder(2, Bernoulli(EVENT), (64, 32)), StandardNormal(2))

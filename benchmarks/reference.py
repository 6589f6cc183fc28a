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


def gated() -> VAE:
    """784-300-300-40 and back, gated, as in Tomczak and Welling (2018)."""
    encoder = NetworkEncoder(Dense((300, 300), "gated"), DiagonalNormal(40), EVENT)
    decoder = NetworkDecoder(Dense((300, 300), "gated"), Bernoulli(EVENT), 40)
    return VAE(encoder, decoder, StandardNormal(40))


MODELS = {"conv": conv, "dense": dense, "gated": gated}

"""A user composes a VAE and trains it, and a run from a spec."""

from typing import assert_type

import probvae
from probvae.components import Bernoulli, DiagonalNormal, Mixture
from probvae.data import FashionMini
from probvae.evaluation import EvaluateSettings
from probvae.runs import Run
from probvae.training import TrainSettings

prior = Mixture(2, components=16)
assert_type(prior, Mixture)
assert_type(prior.distribution(), probvae.Distribution)
assert_type(Bernoulli((28, 28, 1)), Bernoulli)
assert_type(DiagonalNormal(latent_dim=2), DiagonalNormal)
assert_type(FashionMini(binarize="static").load().train, probvae.Split)
assert_type(probvae.ELBO(), probvae.ELBO)
assert_type(TrainSettings(epochs=3), TrainSettings)
assert_type(EvaluateSettings(samples=10).samples, int)
assert_type(probvae.train("first.toml"), Run)
assert_type(probvae.load("runs/first"), probvae.VAE)


def trained(encoder: probvae.Encoder, decoder: probvae.Decoder, images: probvae.Array) -> probvae.VAE:
    """A VAE of these parts, trained."""
    vae = probvae.VAE(encoder, decoder, prior)
    assert_type(vae, probvae.VAE)
    assert_type(vae.encoder, probvae.Encoder)
    assert_type(vae.posterior(images[:3]), probvae.Distribution)
    vae.compile("adam", objective=probvae.IWAE(samples=8))
    vae.fit(images, batch_size=128, epochs=2)
    return vae

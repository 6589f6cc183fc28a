"""Mistakes that an editor underlines: each line with one names the rule."""

import probvae
from probvae.components import Mixture, Mixtur  # reportAttributeAccessIssue
from probvae.data import FashionMini
from probvae.training import TrainSettings

Mixture("2")  # reportArgumentType
Mixture(2, componets=16)  # reportCallIssue
Mixture()  # reportCallIssue
FashionMini(binarize="statik")  # reportArgumentType
TrainSettings(epochs="3")  # reportArgumentType
TrainSettings(epoch=3)  # reportCallIssue
Mixture(2).distribution().log_probs  # reportAttributeAccessIssue
probvae.VAE("conv", "conv_transpose", Mixture(2))  # reportArgumentType reportArgumentType
probvae.ELBO(kl="exakt")  # reportArgumentType


class Empty(probvae.Prior):
    """A prior without a distribution."""


Empty()  # reportAbstractUsage

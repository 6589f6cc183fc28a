"""A posterior by a normalizing flow."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from probvae.components.bijectors.autoregressive import Autoregressive
from probvae.components.bijectors.coupling import AffineCoupling, Coupling, Given, SplineCoupling
from probvae.components.bijectors.triangular import (
    Affine,
    Chain,
    Inverse,
    Reverse,
    Transformed,
    TriangularBijector,
)
from probvae.components.networks.made import MADE
from probvae.components.posteriors.normal import MultivariateNormalDiag
from probvae.components.scales import softplus_scale
from probvae.core import Distribution, Positive, PosteriorHead, Tensor


class FlowPosterior(PosteriorHead):
    """A diagonal normal whose noise goes through a flow, batch [B] and event [D].

    z = loc(x) + scale(x) f(u; h(x)), u ~ N(0, I), log q(z|x) = log N(u; 0, I) - log |det ∂z/∂u|

    f is a chain of maps of which each reads the context h(x): inverse autoregressive (Kingma et al., Improved
    variational inference with inverse autoregressive flow, 2016), affine couplings (Dinh, Sohl-Dickstein, Bengio,
    Density estimation using Real NVP, 2017), or rational-quadratic spline couplings, with 8 pieces on [-4, 4]
    (Durkan et al., Neural spline flows, 2019). It comes before loc and scale, unlike in the first paper, and so it
    sees numbers near 1 in size, however narrow the posterior is.

    A sample with its density takes one pass of each flow. The density of given points does too, but for iaf, which
    finds one latent after the other.

    Args:
        latent_dim: D, the size of one latent.
        flow: the kind of maps.
        layers: how many maps; of couplings every other one changes the same half of the latents.
        hidden: the sizes of the hidden layers of each map's network.
        context: C, the size of h(x).
    """

    def __init__(
        self,
        latent_dim: Positive,
        flow: Literal["iaf", "realnvp", "spline"] = "iaf",
        layers: Positive = 4,
        hidden: tuple[Positive, ...] = (64, 64),
        context: Positive = 16,
    ) -> None:
        super().__init__()
        self.sizes = (latent_dim, latent_dim, context)
        self.output_shape = (sum(self.sizes),)
        self.layers = [_layer(flow, latent_dim, position, hidden, context) for position in range(layers)]

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from outputs [B, 2 D + C]: [B], [D]."""
        loc, raw, context = tf.split(outputs, self.sizes, axis=-1)  # [B, D] twice, [B, C]
        parts: list[TriangularBijector] = [Affine(loc, tf.math.log(softplus_scale(raw)))]
        for layer in self.layers:
            if isinstance(layer, MADE):
                parts += [Inverse(Autoregressive(layer, context)), Reverse()]
            else:
                parts.append(Given(layer, context))
        noise = MultivariateNormalDiag(tf.zeros_like(loc), tf.ones_like(loc))  # [B], [D]
        return Transformed(noise, Chain(parts))  # [B], [D]


def _layer(flow: str, latent_dim: int, position: int, hidden: tuple[int, ...], context: int) -> MADE | Coupling:
    if flow == "iaf":
        return MADE(latent_dim, 2, hidden, context)
    if flow == "realnvp":
        return AffineCoupling(latent_dim, position, hidden, context)
    return SplineCoupling(latent_dim, position, hidden, 8, 4.0, context)

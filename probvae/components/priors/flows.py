"""Flow priors: a standard normal, transformed by learned bijectors whose networks are Keras 3 layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.components.bijectors.autoregressive import Autoregressive
from probvae.components.bijectors.coupling import AffineCoupling, SplineCoupling
from probvae.components.bijectors.triangular import (
    Affine,
    Chain,
    Inverse,
    Reverse,
    Transformed,
    TriangularBijector,
)
from probvae.components.networks.made import MADE
from probvae.components.scales import bounded
from probvae.core import Distribution, Positive, PositiveFloat, Prior

tfd = tfp.distributions


class Flow(Prior, ABC):
    """A standard normal through a bijector f, batch [] and event [D].

    log p(z) = log N(f⁻¹(z); 0, I) + log |det ∂f⁻¹/∂z|

    Args:
        latent_dim: D, the size of one latent.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @abstractmethod
    def bijector(self) -> TriangularBijector:
        """f, over vectors [D], built afresh."""

    def distribution(self) -> Distribution:
        """p(z): [], [D]."""
        base = tfd.Independent(
            tfd.Normal(tf.zeros(self.latent_dim), tf.ones(self.latent_dim)), reinterpreted_batch_ndims=1
        )
        return Transformed(base, self.bijector())


class RealNVP(Flow):
    """Affine couplings: half of the latents scale and shift the other half, in turns.

    y_a = x_a, y_b = x_b exp(s(x_a)) + t(x_a) (Dinh, Sohl-Dickstein, Bengio, Density estimation using Real NVP,
    2017), with the log-scales s kept within (-3, 3) by a tanh.

    Args:
        latent_dim: D, the size of one latent.
        couplings: how many couplings.
        hidden: the sizes of the hidden layers of each coupling's network.
    """

    def __init__(
        self, latent_dim: Positive, couplings: Positive = 6, hidden: tuple[Positive, ...] = (64, 64)
    ) -> None:
        super().__init__(latent_dim)
        self.couplings = [AffineCoupling(latent_dim, i, hidden) for i in range(couplings)]

    def bijector(self) -> TriangularBijector:
        """f: over vectors [D]."""
        return Chain(self.couplings)


class Spline(Flow):
    """Rational-quadratic spline couplings: half of the latents bend the other half, in turns.

    Each element goes through a monotone spline on [-bound, bound] and the identity outside (Durkan et al.,
    Neural spline flows, 2019). An affine map of each latent follows every coupling, so that mass outside the
    bound can be reached too.

    Args:
        latent_dim: D, the size of one latent.
        couplings: how many couplings.
        hidden: the sizes of the hidden layers of each coupling's network.
        bins: how many pieces a spline has.
        bound: where the splines end.
    """

    def __init__(
        self,
        latent_dim: Positive,
        couplings: Positive = 4,
        hidden: tuple[Positive, ...] = (64, 64),
        bins: Annotated[int, Ge(2), Le(500)] = 8,
        bound: PositiveFloat = 4.0,
    ) -> None:
        super().__init__(latent_dim)
        self.couplings = [SplineCoupling(latent_dim, i, hidden, bins, bound) for i in range(couplings)]
        shape = (couplings, latent_dim)
        self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")
        self.log_scale = self.add_weight(shape=shape, initializer="zeros", name="log_scale")

    def bijector(self) -> TriangularBijector:
        """f: over vectors [D]."""
        parts: list[TriangularBijector] = []
        for i, coupling in enumerate(self.couplings):
            parts += [Affine(self.shift.value[i], bounded(self.log_scale.value[i])), coupling]
        return Chain(parts)


class Masked(Flow, ABC):
    """A flow of autoregressive maps, whose networks are masked.

    Args:
        latent_dim: D, the size of one latent.
        layers: how many maps.
        hidden: the sizes of the hidden layers of each map's network.
    """

    def __init__(
        self, latent_dim: Positive, layers: Positive = 4, hidden: tuple[Positive, ...] = (64, 64)
    ) -> None:
        super().__init__(latent_dim)
        self.networks = [MADE(latent_dim, 2, hidden) for _ in range(layers)]

    @abstractmethod
    def layer(self, network: MADE) -> TriangularBijector:
        """The map of a network."""

    def bijector(self) -> TriangularBijector:
        """f: over vectors [D]. The order of the latents is reversed before each map."""
        return Chain([part for network in self.networks for part in (self.layer(network), Reverse())])


class MAF(Masked):
    """A masked autoregressive flow: each latent is scaled and shifted by those before it.

    x_i = (y_i - t_i(y_<i)) exp(-s_i(y_<i)) (Papamakarios, Pavlakou, Murray, Masked autoregressive flow for
    density estimation, 2017), with the order reversed between layers. Its density, which training takes, needs one
    pass; a sample takes D short steps, one after another. The prior `autoregressive` is the other way round.

    Args:
        latent_dim: D, the size of one latent.
        layers: how many autoregressive maps.
        hidden: the sizes of the hidden layers of each map's network; a latent sees all of those before
            it where none of them is below D - 1.
    """

    def layer(self, network: MADE) -> TriangularBijector:
        """Each latent, scaled and shifted by those before it."""
        return Autoregressive(network)


class IAF(Masked):
    """An inverse autoregressive flow: a latent is scaled and shifted by the noise of those before it.

    y_i = (x_i - t_i(x_<i)) exp(-s_i(x_<i)) (Kingma et al., Improved variational inference with inverse
    autoregressive flow, 2016), with the order reversed between layers. A sample needs one pass; the density, which
    training takes, D short steps, one after another. The prior `maf` is the other way round, and trains faster:
    choose this one where samples are drawn all the time.

    Args:
        latent_dim: D, the size of one latent.
        layers: how many autoregressive maps.
        hidden: the sizes of the hidden layers of each map's network; a latent sees all noise before it where none
            of them is below D - 1.
    """

    def layer(self, network: MADE) -> TriangularBijector:
        """Each latent, scaled and shifted by the noise of those before it."""
        return Inverse(Autoregressive(network))

"""Flow priors: a standard normal, transformed by learned bijectors whose networks are Keras 3 layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.components.bijectors import RationalQuadraticSpline
from probvae.components.networks.dense import Dense
from probvae.components.networks.made import MADE
from probvae.core import Bijector, Component, Distribution, Positive, PositiveFloat, Prior, Tensor

tfb = tfp.bijectors
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
    def bijector(self) -> Bijector:
        """f, a tfb.Bijector over vectors [D], built afresh."""

    def distribution(self) -> Distribution:
        """p(z): [], [D]."""
        base = tfd.MultivariateNormalDiag(tf.zeros(self.latent_dim), tf.ones(self.latent_dim))
        return tfd.TransformedDistribution(base, self.bijector())


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
        self.couplings = [Coupling(latent_dim, i, 2, hidden) for i in range(couplings)]

    def bijector(self) -> Bijector:
        """f: over vectors [D]."""

        def affine(parameters: Tensor) -> Bijector:  # [..., units, 2]
            shift, log_scale = tf.unstack(parameters, axis=-1)
            return tfb.Shift(shift)(tfb.Scale(log_scale=bounded(log_scale)))

        return tfb.Chain([coupling.bijector(affine) for coupling in self.couplings])


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

    smallest: ClassVar[float] = 1e-3
    """The smallest share of a bin and the smallest slope of a knot."""

    def __init__(
        self,
        latent_dim: Positive,
        couplings: Positive = 4,
        hidden: tuple[Positive, ...] = (64, 64),
        bins: Annotated[int, Ge(2), Le(500)] = 8,
        bound: PositiveFloat = 4.0,
    ) -> None:
        super().__init__(latent_dim)
        self.bins = bins
        self.bound = bound
        self.couplings = [Coupling(latent_dim, i, 3 * bins - 1, hidden) for i in range(couplings)]
        shape = (couplings, latent_dim)
        self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")
        self.log_scale = self.add_weight(shape=shape, initializer="zeros", name="log_scale")

    def bijector(self) -> Bijector:
        """f: over vectors [D]."""
        parts = []
        for i, coupling in enumerate(self.couplings):
            parts += [
                tfb.Shift(self.shift.value[i]),
                tfb.Scale(log_scale=bounded(self.log_scale.value[i])),
                coupling.bijector(self._spline),
            ]
        return tfb.Chain(parts)

    def _spline(self, parameters: Tensor) -> Bijector:  # [..., units, 3 * bins - 1]
        widths, heights, slopes = tf.split(parameters, [self.bins, self.bins, self.bins - 1], axis=-1)

        def sizes(raw: Tensor) -> Tensor:
            shares = self.smallest + (1 - self.smallest * self.bins) * tf.nn.softmax(raw)
            return 2 * self.bound * shares

        # softplus(0.5413) is 1: equal bins and unit slopes are the identity.
        slopes = self.smallest + tf.nn.softplus(slopes + 0.5413)
        return RationalQuadraticSpline(sizes(widths), sizes(heights), slopes, self.bound)


class MAF(Flow):
    """A masked autoregressive flow: each latent is scaled and shifted by those before it.

    x_i = (y_i - t_i(y_<i)) exp(-s_i(y_<i)) (Papamakarios, Pavlakou, Murray, Masked autoregressive flow for
    density estimation, 2017), with the order reversed between layers. Its density takes one pass; a sample takes
    D of them, one after the other.

    Args:
        latent_dim: D, the size of one latent.
        layers: how many autoregressive maps.
        hidden: the sizes of the hidden layers of each map's network; a latent sees all of those before
            it where none of them is below D - 1.
    """

    def __init__(
        self, latent_dim: Positive, layers: Positive = 4, hidden: tuple[Positive, ...] = (64, 64)
    ) -> None:
        super().__init__(latent_dim)
        self.networks = [MADE(latent_dim, 2, hidden) for _ in range(layers)]

    def bijector(self) -> Bijector:
        """f: over vectors [D]."""
        reverse = tf.range(self.latent_dim)[::-1]
        parts = []
        for network in self.networks:
            parts += [tfb.MaskedAutoregressiveFlow(_shift_and_log_scale(network)), tfb.Permute(reverse)]
        return tfb.Chain(parts)


def _shift_and_log_scale(network: MADE) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    def function(y: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = tf.unstack(network.parameters(y), axis=-1)
        return shift, bounded(log_scale)

    return function


class Coupling(Component):
    """One coupling: a network reads some of the latents and says how the others are transformed.

    Even positions transform the last half, odd ones the first. With one latent nothing is left to read: the
    network is then a learned constant, and the coupling an elementwise map.

    Args:
        latent_dim: D, the size of one latent.
        position: the place of the coupling in its flow.
        outputs: P, how many parameters each transformed latent takes.
        hidden: the sizes of the network's hidden layers.
    """

    def __init__(self, latent_dim: int, position: int, outputs: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        half = latent_dim // 2
        first = position % 2 == 0 or latent_dim == 1
        self.masked = half if first else half - latent_dim  # TFP: a negative number masks the last ones
        units = latent_dim - abs(self.masked)
        # Small outputs, so that a flow starts near the identity, yet with a gradient to every layer.
        network = Dense(hidden, "silu", output_scale=1e-4)
        self.network = network.connect((max(1, abs(self.masked)),), (units, outputs))

    def bijector(self, elementwise: Callable[[Tensor], Bijector]) -> Bijector:
        """The coupling as a tfb.Bijector; `elementwise` makes one from parameters [..., units, P]."""
        return tfb.RealNVP(self.masked, bijector_fn=lambda x, _: elementwise(self.parameters(x)))

    def parameters(self, x: Tensor) -> Tensor:
        """[..., masked] -> [..., units, P]."""
        if not self.masked:  # the sum over no latent keeps the leading shape, known or not: a constant 1
            x = 1.0 + tf.reduce_sum(x, axis=-1, keepdims=True)
        return self.network.outputs(x)


def bounded(log_scale: Tensor) -> Tensor:
    """Log-scales within (-3, 3): one coupling cannot blow the density up, and several reach any scale."""
    return 3.0 * tf.tanh(log_scale / 3.0)

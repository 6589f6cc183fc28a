"""Couplings: some latents are transformed as the others say, and those stay as they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import tensorflow as tf

from probvae.components.bijectors.spline import RationalQuadraticSpline
from probvae.components.bijectors.triangular import Affine, TriangularBijector
from probvae.components.networks.dense import Dense
from probvae.components.scales import bounded
from probvae.core import Component, Tensor


class Coupling(Component, TriangularBijector, ABC):
    """y_a = x_a, y_b = f(x_b; θ(x_a)), where a network gives the parameters θ of the elementwise bijector f.

    Even positions transform the last half, odd ones the first. With one latent nothing is left to read: the
    network is then a learned constant, and the coupling an elementwise map.

    Args:
        latent_dim: D, the size of one latent.
        position: the place of the coupling in its flow.
        outputs: P, how many parameters each transformed latent takes.
        hidden: the sizes of the network's hidden layers.
        context: C, how many numbers the network reads in addition to x_a.
    """

    def __init__(
        self, latent_dim: int, position: int, outputs: int, hidden: tuple[int, ...], context: int = 0
    ) -> None:
        super().__init__()
        half = latent_dim // 2
        self.reads_first = position % 2 == 0 or latent_dim == 1
        self.sizes = (half, latent_dim - half)
        reads, changes = self.sizes if self.reads_first else self.sizes[::-1]
        self.constant = reads == 0
        # Small outputs, so that a flow starts near the identity, yet with a gradient to every layer.
        network = Dense(hidden, "silu", output_scale=1e-4)
        self.network = network.connect((max(1, reads),), (changes, outputs), context)

    @abstractmethod
    def elementwise(self, parameters: Tensor) -> TriangularBijector:
        """The bijector f with parameters θ [..., changed, P]."""

    def forward_with_slopes(self, x: Tensor, context: Tensor = None) -> tuple[Tensor, Tensor]:
        """The images y and their log-slopes, which are 0 for the latents that are read."""
        read, changed = self._split(x)
        return self._joined(read, *self._elementwise(read, context).forward_with_slopes(changed))

    def inverse_with_slopes(self, y: Tensor, context: Tensor = None) -> tuple[Tensor, Tensor]:
        """The points x and their log-slopes, which are 0 for the latents that are read."""
        read, changed = self._split(y)
        return self._joined(read, *self._elementwise(read, context).inverse_with_slopes(changed))

    def _elementwise(self, read: Tensor, context: Tensor) -> TriangularBijector:
        if self.constant:  # the sum over no latent keeps the leading shape, known or not: a constant 1
            read = 1.0 + tf.reduce_sum(read, axis=-1, keepdims=True)
        return self.elementwise(self.network.outputs(read, context))

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is read and what is changed."""
        first, last = tf.split(x, self.sizes, axis=-1)
        return (first, last) if self.reads_first else (last, first)

    def _joined(self, read: Tensor, changed: Tensor, log_slopes: Tensor) -> tuple[Tensor, Tensor]:
        order = 1 if self.reads_first else -1
        both = (read, changed)[::order], (tf.zeros_like(read), log_slopes)[::order]
        return tf.concat(both[0], axis=-1), tf.concat(both[1], axis=-1)


class Given(TriangularBijector):
    """A coupling whose network reads a context too.

    Args:
        coupling: the coupling.
        context: what its network reads; broadcasts to [..., C].
    """

    def __init__(self, coupling: Coupling, context: Tensor) -> None:
        self.coupling = coupling
        self.context = context

    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The images y of x given the context, and their log-slopes."""
        return self.coupling.forward_with_slopes(x, self.context)

    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The points x whose images are y given the context, and their log-slopes."""
        return self.coupling.inverse_with_slopes(y, self.context)


class AffineCoupling(Coupling):
    """y_b = x_b exp(s(x_a)) + t(x_a).

    Args:
        latent_dim: D, the size of one latent.
        position: the place of the coupling in its flow.
        hidden: the sizes of the network's hidden layers.
        context: C, how many numbers the network reads in addition to x_a.
    """

    def __init__(self, latent_dim: int, position: int, hidden: tuple[int, ...], context: int = 0) -> None:
        super().__init__(latent_dim, position, 2, hidden, context)

    def elementwise(self, parameters: Tensor) -> TriangularBijector:
        """The affine map with shifts and log-scales [..., changed, 2]."""
        shift, log_scale = tf.unstack(parameters, axis=-1)
        return Affine(shift, bounded(log_scale))


class SplineCoupling(Coupling):
    """y_b is a monotone rational-quadratic spline of x_b on [-bound, bound], and x_b outside.

    Args:
        latent_dim: D, the size of one latent.
        position: the place of the coupling in its flow.
        hidden: the sizes of the network's hidden layers.
        bins: how many pieces a spline has.
        bound: where the splines end.
        context: C, how many numbers the network reads in addition to x_a.
    """

    smallest: ClassVar[float] = 1e-3
    """The smallest share of a bin and the smallest slope of a knot."""

    def __init__(
        self,
        latent_dim: int,
        position: int,
        hidden: tuple[int, ...],
        bins: int,
        bound: float,
        context: int = 0,
    ) -> None:
        super().__init__(latent_dim, position, 3 * bins - 1, hidden, context)
        self.bins = bins
        self.bound = bound

    def elementwise(self, parameters: Tensor) -> TriangularBijector:
        """The splines of parameters [..., changed, 3 bins - 1]."""
        widths, heights, slopes = tf.split(parameters, [self.bins, self.bins, self.bins - 1], axis=-1)

        def sizes(raw: Tensor) -> Tensor:
            # tf.nn.softmax takes at most five axes on a CPU.
            shares = self.smallest + (1 - self.smallest * self.bins) * tf.exp(tf.nn.log_softmax(raw))
            return 2 * self.bound * shares

        # softplus(0.5413) is 1: equal bins and unit slopes are the identity.
        slopes = self.smallest + tf.nn.softplus(slopes + 0.5413)
        return RationalQuadraticSpline(sizes(widths), sizes(heights), slopes, self.bound)

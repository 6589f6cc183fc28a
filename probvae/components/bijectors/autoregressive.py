"""Affine maps in which each latent is scaled and shifted by those before it."""

from __future__ import annotations

import tensorflow as tf

from probvae.components.bijectors.triangular import TriangularBijector
from probvae.components.networks.made import MADE
from probvae.components.scales import bounded
from probvae.core import Tensor


class Autoregressive(TriangularBijector):
    """y_i = x_i exp(s_i(y_<i)) + t_i(y_<i), where a masked network gives s and t.

    The inverse takes one pass of the network. Forward takes D of them, one after the other: after i passes the
    first i latents are known.

    Args:
        network: s and t of each latent: [..., D] -> [..., D, 2].
    """

    def __init__(self, network: MADE) -> None:
        self.network = network

    def _shift_and_log_scale(self, y: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = tf.unstack(self.network.parameters(y), axis=-1)
        return shift, bounded(log_scale)

    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The images y and s(y)."""

        def one_more(y: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            shift, log_scale = self._shift_and_log_scale(y)
            return x * tf.exp(log_scale) + shift, log_scale

        passes = self.network.size
        zeros = tf.zeros_like(x)
        y, log_scale = tf.while_loop(lambda *_: True, one_more, (zeros, zeros), maximum_iterations=passes)
        return y, log_scale

    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The points x and -s(y)."""
        shift, log_scale = self._shift_and_log_scale(y)
        return (y - shift) * tf.exp(-log_scale), -log_scale

"""Affine maps in which each latent is scaled and shifted by those before it."""

from __future__ import annotations

import tensorflow as tf

from probvae.components.bijectors.triangular import TriangularBijector
from probvae.components.networks.made import MADE
from probvae.components.scales import bounded
from probvae.core import Tensor


class Autoregressive(TriangularBijector):
    """y_i = x_i exp(s_i(y_<i)) + t_i(y_<i), where a masked network gives s and t.

    The inverse takes one pass of the network. Forward finds one latent after the other, in D short steps.

    Args:
        network: s and t of each latent: [..., D] -> [..., D, 2].
        context: what the network depends on too, if it asks for it; broadcasts to [..., C].
    """

    def __init__(self, network: MADE, context: Tensor = None) -> None:
        self.network = network
        self.context = context

    def _shift_and_log_scale(self, y: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = tf.unstack(self.network.parameters(y, self.context), axis=-1)
        return shift, bounded(log_scale)

    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The images y and s(y)."""
        D = self.network.size
        columns = tf.transpose(tf.reshape(x, (-1, D)))  # [D, N]

        def next_latent(i: Tensor, parameters: Tensor) -> Tensor:  # [2, N] -> [N]
            shift, log_scale = tf.unstack(parameters)
            return columns[i] * tf.exp(bounded(log_scale)) + shift

        context = None
        if self.network.context:
            C = self.network.context
            context = tf.broadcast_to(self.context, tf.concat([tf.shape(x)[:-1], [C]], axis=0))
            context = tf.reshape(context, (-1, C))
        y, parameters = self.network.solve(next_latent, tf.shape(columns)[1], context)
        return tf.reshape(y, tf.shape(x)), bounded(tf.reshape(parameters[..., 1], tf.shape(x)))

    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The points x and -s(y)."""
        shift, log_scale = self._shift_and_log_scale(y)
        return (y - shift) * tf.exp(-log_scale), -log_scale

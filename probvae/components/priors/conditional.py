"""A prior that depends on the condition."""

from __future__ import annotations

from typing import Annotated

from probvae.components.networks.keras_layer import connected
from probvae.core import Distribution, Network, Positive, PosteriorHead, Prior, Tensor, Use


class Conditional(Prior):
    """A network of the condition and any posterior head, batch [B] and event [D].

    p(z|c) = head(network(c)), the learned prior of Sohn, Lee and Yan, Learning structured output representation
    using deep conditional generative models (2015).

    Args:
        condition_dim: C, the size of a condition.
        network: maps c [B, C] to the parameters that the head expects.
        posterior: the head, which makes p(z|c) of them.

    Raises:
        ConfigError: the network does not support these shapes.
    """

    def __init__(
        self,
        condition_dim: Positive,
        network: Annotated[Network, Use("dense")],
        posterior: Annotated[PosteriorHead, Use("diagonal_normal")],
    ) -> None:
        super().__init__()
        self.network = connected(network, (condition_dim,), posterior.output_shape)
        self.head = posterior
        self.support = posterior.support

    def distribution(self, condition: Tensor) -> Distribution:
        """p(z|c) of conditions [..., C]: [...], [D]."""
        return self.head.posterior(self.network.outputs(condition))

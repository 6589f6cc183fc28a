"""A posterior in two blocks of latents or more."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, Any, ClassVar

import tensorflow as tf

from probvae.components.hierarchies import check_blocks, two_blocks
from probvae.components.networks.keras_layer import connected
from probvae.core import Context, Distribution, Hierarchy, Network, Positive, PosteriorHead, Promises, Tensor, Use

NAME = "hierarchical posterior"


class HierarchicalPosterior(PosteriorHead):
    """Any head for the upper block, and a network with any head for the lower one, batch [B] and event [D].

    q(z|x) = q(z2|x) q(z1|x, z2), with z = (z2, z1): the heads are top(f2) and lower(network(z2, f1))

    f2 and f1 are what each block gets of the outputs of the encoder's network (Tomczak and Welling, VAE with a
    VampPrior, 2018). For three blocks the top is hierarchical itself.

    Args:
        latent_dim: D, the size of one latent.
        top: the head of q(z2|x).
        network: maps z2 and the features f1 to the parameters that the lower head expects.
        lower: the head of q(z1|x, z2).
        blocks: the sizes of z2 and of z1, which add up to D; by default half of D each.
        features: the number of features f1; by default as many as the lower head has parameters.

    Raises:
        ConfigError: the sizes do not add up to D, a part is of another size or support, or the network does not
            support these shapes.
    """

    promises: ClassVar[Promises] = Promises(tags=("hierarchy",))

    def __init__(
        self,
        latent_dim: Positive,
        top: Annotated[PosteriorHead, Use("diagonal_normal")],
        network: Annotated[Network, Use("dense")],
        lower: Annotated[PosteriorHead, Use("diagonal_normal")],
        blocks: tuple[Positive, Positive] | None = None,
        features: Positive | None = None,
    ) -> None:
        super().__init__()
        above, self.below_dim = two_blocks(NAME, latent_dim, blocks)
        self.features = features or prod(lower.output_shape)
        self.network = connected(network, (above,), lower.output_shape, self.features)
        self.top = top
        self.lower = lower
        self.output_shape = (prod(top.output_shape) + self.features,)
        self.support = top.support
        heads = {"top": top, "lower": lower}
        parts = {
            name: (head.posterior(tf.zeros((1, *head.output_shape))), head.support) for name, head in heads.items()
        }
        check_blocks(NAME, (above, self.below_dim), parts)

    @staticmethod
    def inner_context(name: str, settings: Mapping[str, Any], context: Context) -> Context:
        """The size of the block that the head is for."""
        above, below = two_blocks(NAME, context["latent_dim"](), settings.get("blocks"))
        return {**context, "latent_dim": lambda: below if name == "lower" else above}

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from outputs [B, O]: [B], [D]."""
        of_top, features = tf.split(outputs, [-1, self.features], axis=-1)
        of_top = tf.reshape(of_top, tf.concat([tf.shape(of_top)[:-1], self.top.output_shape], axis=0))

        def below(z2: Tensor) -> Distribution:
            return self.lower.posterior(self.network.outputs(z2, features))

        return Hierarchy(self.top.posterior(of_top), below, self.below_dim)

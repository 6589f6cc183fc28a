"""What hierarchical priors and posteriors share: sizes of blocks, and the encoder of the upper ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from probvae.core import Distribution, Encoder, Hierarchy, Positive, Shape, Support, Tensor, Values
from probvae.errors import ConfigError


def two_blocks(name: str, latent_dim: int, blocks: Sequence[int] | None) -> tuple[int, int]:
    """The sizes of the two blocks of D latents, the upper one first; half of D each where they are not given.

    Args:
        name: of the component, for the error.
        latent_dim: D.
        blocks: the sizes; None if they are not given.

    Raises:
        ConfigError: they do not add up to D, or D is 1.

    >>> two_blocks("hierarchical prior", 40, (8, 32)), two_blocks("hierarchical prior", 5, None)
    ((8, 32), (2, 3))
    """
    if latent_dim < 2:
        raise ConfigError(f"{name}: expected latent_dim >= 2, as two blocks share the latents; got {latent_dim}.")
    above, below = blocks or (latent_dim // 2, latent_dim - latent_dim // 2)
    if above + below != latent_dim:
        raise ConfigError(
            f"{name}: expected blocks that add up to latent_dim = {latent_dim}; got {[above, below]}, which add "
            f"up to {above + below}. Change one of the two.",
            parameter="blocks",
        )
    return above, below


def check_blocks(name: str, sizes: Sequence[int], parts: Mapping[str, tuple[Distribution, Support]]) -> None:
    """Compare the parts of a hierarchy with its blocks.

    Args:
        name: of the component, for the error.
        sizes: of the blocks, the upper one first.
        parts: the distribution of each block, [1], [size], and its support, by the name of the parameter.

    Raises:
        ConfigError: a part is of another size, or the support is not the same for all elements of the vector.
    """
    for size, (parameter, (p, _)) in zip(sizes, parts.items(), strict=True):
        if tuple(p.event_shape) != (size,):
            raise ConfigError(
                f"{name}: expected {parameter} of {size} latents, the size of its block; got one with event shape "
                f"{list(p.event_shape)}. Change it, or blocks.",
                parameter=parameter,
            )
    supports = {parameter: support for parameter, (_, support) in parts.items()}
    if len(set(supports.values())) > 1 or not all(isinstance(support, Values) for support in supports.values()):
        found = ", ".join(f"{parameter} on {support}" for parameter, support in supports.items())
        raise ConfigError(
            f"{name}: expected parts of one support, that of a number each; got {found}. Replace one of them.",
            parameter=[*parts][-1],
        )


class UpperBlocks(Encoder):
    """q(above|x), an encoder's hierarchical posterior without its lowest block: [B], [A].

    A prior that is made of posteriors, as the VampPrior, takes it where it is the upper part of a hierarchy.

    Args:
        encoder: q(z|x) in blocks.
        event_shape: E, the shape of one example.
        latent_dim: A, the size of the blocks above.

    Raises:
        ConfigError: q(z|x) has no such blocks.
    """

    def __init__(self, encoder: Encoder, event_shape: Shape, latent_dim: Positive) -> None:
        super().__init__()
        self.encoder = encoder
        self.support = encoder.support
        self.condition_dim = encoder.condition_dim
        condition = [tf.zeros((1, self.condition_dim))] if self.condition_dim else []
        q = encoder.posterior(tf.zeros((1, *event_shape)), *condition)
        if not isinstance(q, Hierarchy) or q.above_dim != latent_dim:
            sizes = [*q.blocks.values()] if isinstance(q, Hierarchy) else [*q.event_shape]
            raise ConfigError(
                f"hierarchical prior: expected an encoder with blocks, of {latent_dim} latents on top, as its top "
                f"is made of posteriors; got blocks {sizes}. Set model.encoder.posterior.use = 'hierarchical', "
                "and blocks of both to the same."
            )

    def posterior(self, x: Tensor, *condition: Tensor) -> Distribution:
        """q(above|x) of x [B, *E], and a condition [B, C] if the encoder takes one: [B], [A]."""
        q: Tensor = self.encoder.posterior(x, *condition)
        above: Distribution = q.above
        return above

"""Several layers of latents as one vector in blocks."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core.seeds import split_seed
from probvae.core.types import Distribution, Seed, Tensor

tfd = tfp.distributions


class Hierarchy(tfd.Distribution):  # type: ignore  # TFP carries no types
    """A block of latents below others: [batch], [A + L].

    p(z) = p(above) p(lowest given above), z = (above, lowest)

    What is above may be a hierarchy itself. Blocks are named from the lowest one up, and the vector has the top
    first: (z2, z1), or (z3, z2, z1). There is no mean: that of the lowest block is an expectation over the others.

    Args:
        above: p(above): [batch], [A].
        below: values of the blocks above [..., A] -> p(lowest given above): [...], [L].
        below_dim: L.
    """

    def __init__(self, above: Distribution, below: Callable[[Tensor], Distribution], below_dim: int) -> None:
        parameters = dict(locals())
        self.above, self.below, self.below_dim = above, below, below_dim
        self.above_dim = int(above.event_shape[-1])
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,  # found out below, where it is asked for
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
        )

    @property
    def blocks(self) -> dict[str, int]:
        """The names of the blocks and their sizes, in the order of the vector."""
        above = [*self.above.blocks.values()] if isinstance(self.above, Hierarchy) else [self.above_dim]
        sizes = [*above, self.below_dim]
        return {f"z{len(sizes) - place}": size for place, size in enumerate(sizes)}

    @property
    def stratified(self) -> bool:
        """Whether samples in one call depend on each other, as those of a mixture that is sampled evenly."""
        return getattr(self.above, "stratified", False)

    @property
    def reparameterization_type(self) -> Tensor:
        """That of all blocks: samples of a block that carry no gradients cut the path to those above it."""
        above = tf.zeros(tf.concat([self.batch_shape_tensor(), [self.above_dim]], axis=0))
        kinds = (self.above, self.below(above))
        full = all(kind.reparameterization_type == tfd.FULLY_REPARAMETERIZED for kind in kinds)
        return tfd.FULLY_REPARAMETERIZED if full else tfd.NOT_REPARAMETERIZED

    def block_log_probs(self, value: Tensor) -> dict[str, Tensor]:
        """The log-density of each block given those above it, [..., *batch] by name; log_prob is their sum."""
        value += tf.zeros(tf.concat([self.batch_shape_tensor(), [1]], axis=0))  # every row has a value of its own
        above, lowest = tf.split(value, [self.above_dim, self.below_dim], axis=-1)
        if isinstance(self.above, Hierarchy):
            found = [*self.above.block_log_probs(above).values()]
        else:
            found = [self.above.log_prob(above)]
        found.append(self.below(above).log_prob(lowest))
        return dict(zip(self.blocks, found, strict=True))

    def _batch_shape(self) -> tf.TensorShape:
        return self.above.batch_shape

    def _batch_shape_tensor(self) -> Tensor:
        return self.above.batch_shape_tensor()

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([self.above_dim + self.below_dim])

    def _event_shape_tensor(self) -> Tensor:
        return tf.constant([self.above_dim + self.below_dim], tf.int32)

    def _log_prob(self, value: Tensor) -> Tensor:
        return tf.add_n([*self.block_log_probs(value).values()])

    def _sample_n(self, n: Tensor, seed: Seed = None) -> Tensor:
        first, second = split_seed(tfp.random.sanitize_seed(seed), 2)
        above = self.above.sample(n, seed=first)
        return tf.concat([above, self.below(above).sample(seed=second)], axis=-1)

    def _sample_and_log_prob(self, sample_shape: Tensor, seed: Seed = None) -> tuple[Tensor, Tensor]:
        first, second = split_seed(tfp.random.sanitize_seed(seed), 2)
        above, of_above = self.above.experimental_sample_and_log_prob(sample_shape, seed=first)
        lowest, of_lowest = self.below(above).experimental_sample_and_log_prob(seed=second)
        return tf.concat([above, lowest], axis=-1), of_above + of_lowest

"""Two networks side by side."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf

from probvae.core import Network, Positive, Shape, Tensor, Use
from probvae.errors import ConfigError


class Parallel(Network):
    """Two networks of the same inputs, each of which makes a part of the outputs.

    The last axis of the outputs is shared between them: the first numbers of a vector, or the first channels of an
    image, are those of the first network. So each block of a hierarchical posterior can have a network of its own,
    and so can the means and the scales of a likelihood. For more than two, one of them is parallel itself.

    Args:
        first: makes the first outputs.
        second: makes the others.
        first_outputs: how many outputs the first makes, along the last axis; half of them if not given.

    Raises:
        ConfigError: there are not enough outputs for both.
    """

    def __init__(
        self,
        first: Annotated[Network, Use("dense")],
        second: Annotated[Network, Use("dense")],
        first_outputs: Positive | None = None,
    ) -> None:
        super().__init__()
        self.first = first
        self.second = second
        self.first_outputs = first_outputs

    def make_layers(self, in_shape: Shape, out_shape: Shape) -> None:
        """Connect both networks to their parts of the outputs."""
        *others, count = out_shape
        share = self.first_outputs or count // 2
        if not 0 < share < count:
            raise ConfigError(
                f"parallel: expected outputs for both networks; got {share} for the first of {count} along the "
                f"last axis of {list(out_shape)}. Change first_outputs, or use one network.",
                parameter="first_outputs",
            )
        sizes = {"first": share, "second": count - share}
        for name, size in sizes.items():
            try:
                getattr(self, name).connect(in_shape, (*others, size))
            except ConfigError as error:
                raise ConfigError(str(error), parameter=name) from error

    def map_rows(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of rows [N, *I]."""
        return tf.concat([self.first.outputs(rows), self.second.outputs(rows)], axis=-1)

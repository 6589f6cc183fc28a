"""What every network shares: a checked input shape, any leading shape, float32 outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import tensorflow as tf

from probvae.core import Component, LikelihoodHead, PosteriorHead, Shape, Tensor
from probvae.errors import ShapeError


class Network(Component, ABC):
    """A function from tensors [..., *I] to tensors [..., *O].

    Its layers compute in the precision that Keras' dtype policy says when it is made; the last of them always in
    float32, as what it makes are the parameters of a distribution.

    Args:
        in_shape: I, the shape of one input.
        out_shape: O, the shape of one output.
    """

    name_in_errors: ClassVar[str] = "network"

    def __init__(self, in_shape: Shape, out_shape: Shape) -> None:
        super().__init__()
        self.in_shape = tuple(in_shape)
        self.out_shape = tuple(out_shape)

    def outputs(self, inputs: Tensor) -> Tensor:
        """The outputs [..., *O] of inputs [..., *I], in float32 whatever precision the network computes in.

        Raises:
            ShapeError: the inputs do not end in I.
        """
        inputs = tf.cast(inputs, tf.float32)
        rank = len(self.in_shape)
        if inputs.shape.rank < rank or not inputs.shape[inputs.shape.rank - rank :].is_compatible_with(
            self.in_shape
        ):
            raise ShapeError(
                f"{self.name_in_errors}: expected inputs [..., {', '.join(map(str, self.in_shape))}]; "
                f"got {inputs.shape.as_list()}. Reshape them, or build the network for this shape."
            )
        leading = inputs.shape[: inputs.shape.rank - rank]
        rows = tf.reshape(inputs, (-1, *self.in_shape))  # [N, *I]
        found = tf.cast(self.compute(rows), tf.float32)  # [N, *O]
        outputs = tf.reshape(found, tf.concat([tf.shape(inputs)[: len(leading)], self.out_shape], axis=0))
        return tf.ensure_shape(outputs, [*leading, *self.out_shape])

    @abstractmethod
    def compute(self, rows: Tensor) -> Tensor:
        """The outputs [N, *O] of rows [N, *I]."""

    def serve(self, head: PosteriorHead | LikelihoodHead) -> None:
        """Check that the outputs are what a head asks for.

        Raises:
            ShapeError: they are of another shape.
        """
        if self.out_shape != head.output_shape:
            raise ShapeError(
                f"{type(head).__name__} asks for outputs {list(head.output_shape)}; the {self.name_in_errors} "
                f"makes {list(self.out_shape)}. Build the network with out_shape = head.output_shape."
            )

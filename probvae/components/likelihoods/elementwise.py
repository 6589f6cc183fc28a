"""What likelihoods of independent elements share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import Distribution, LikelihoodHead, Shape, Tensor
from probvae.errors import ConfigError


class Elementwise(LikelihoodHead, ABC):
    """Independent distributions of the elements, batch [...] and event [*E].

    log p(x|z) = sum_i log p(x_i|z)

    Args:
        event_shape: E, the shape of one example.
        outputs_per_element: how many outputs of the network each element takes.

    Raises:
        ConfigError: E is (), a number without an axis.
    """

    def __init__(self, event_shape: Shape, outputs_per_element: int = 1) -> None:
        super().__init__()
        if not event_shape:
            raise ConfigError.of(type(self).__name__, "an event_shape of one axis or more, as (1,)", "()")
        self.event_rank = len(event_shape)
        self.outputs_per_element = outputs_per_element
        self.output_shape = (*event_shape[:-1], outputs_per_element * event_shape[-1])

    @abstractmethod
    def elements(self, outputs: Tensor, *log_size: Any, **named: Any) -> Distribution:
        """The elements' distributions from outputs [..., *O]: [..., *E], []."""

    def numbers(self, outputs: Tensor) -> Tensor:
        """The outputs [..., *O] as the numbers for each element: [..., *E, outputs_per_element]."""
        shape = tf.concat([tf.shape(outputs)[:-1], [-1, self.outputs_per_element]], axis=0)
        static = [*outputs.shape[:-1], outputs.shape[-1] // self.outputs_per_element, self.outputs_per_element]
        return tf.ensure_shape(tf.reshape(outputs, shape), static)

    def likelihood(self, outputs: Tensor, *log_size: Tensor) -> Distribution:
        """p(x|z) from outputs [..., *O]: [...], [*E]."""
        elements = self.elements(outputs, *log_size)
        return tfp.distributions.Independent(elements, reinterpreted_batch_ndims=self.event_rank)

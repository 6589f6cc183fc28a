"""The likelihood of a few values, each with a probability of its own."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge

from probvae.components.likelihoods.counts import divided
from probvae.components.likelihoods.elementwise import Elementwise
from probvae.core import Distribution, Positive, Shape, Tensor, Values


class Categorical(Elementwise):
    """Independent categorical distributions of the numbers 0, 1, ..., levels - 1, batch [...] and event [*E].

    p(x|z) = prod_i softmax(outputs_i)[x_i], a probability, with as many outputs for each element as there are
    levels (for 8-bit images van den Oord, Kalchbrenner and Kavukcuoglu, Pixel recurrent neural networks, 2016).

    Args:
        event_shape: E, the shape of one example.
        levels: how many values there are; 256 for 8-bit images.
        divide_by: what the numbers of the data are divided by, as [data] divide_by; 255 for 8-bit images.
    """

    def __init__(self, event_shape: Shape, levels: Annotated[int, Ge(2)] = 256, divide_by: Positive = 1) -> None:
        super().__init__(event_shape, outputs_per_element=levels)
        self.levels = levels
        self.divide_by = divide_by
        self.support = Values.levels(levels, divide_by)

    def elements(self, outputs: Tensor) -> Distribution:
        """The elements' distributions from outputs [..., *O]: [..., *E], []."""
        numbers = tfp.distributions.Categorical(self.numbers(outputs), dtype=tf.float32)
        return divided(numbers, self.divide_by)

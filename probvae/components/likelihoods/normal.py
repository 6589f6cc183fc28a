"""The likelihood of real-valued data."""

from __future__ import annotations

from typing import Literal

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.scales import softplus_inverse, softplus_scale
from probvae.core import Distribution, LikelihoodHead, PositiveFloat, Shape, Tensor

tfd = tfp.distributions


class Normal(LikelihoodHead):
    """Independent normals around the network's outputs, batch [...] and event [*E].

    p(x|z) = prod_i N(x_i; loc_i(z), scale_i²), the scale being fixed, one learned number, or an output of the
    network for each element.

    Args:
        event_shape: E, the shape of one example.
        scale: "fixed", "learned" (one number for all elements) or "per_element" (a function of z).
        initial_scale: the scale at the start, which is where a fixed one stays.
    """

    def __init__(
        self,
        event_shape: Shape,
        scale: Literal["fixed", "learned", "per_element"] = "learned",
        initial_scale: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.initial_scale = initial_scale
        self.event_rank = len(event_shape)
        outputs_per_element = 2 if scale == "per_element" else 1
        self.output_shape = (*event_shape[:-1], outputs_per_element * event_shape[-1])
        if scale == "learned":
            start = keras.initializers.Constant(softplus_inverse(initial_scale))
            self.raw_scale = self.add_weight(shape=(), initializer=start, name="raw_scale")

    def likelihood(self, outputs: Tensor) -> Distribution:
        """p(x|z) from outputs [..., *O]: [...], [*E]."""
        loc, scale = outputs, tf.constant(self.initial_scale)
        if self.scale == "learned":
            scale = softplus_scale(self.raw_scale.value)
        elif self.scale == "per_element":
            loc, raw = tf.split(outputs, 2, axis=-1)  # [..., *E] each
            scale = softplus_scale(raw + softplus_inverse(self.initial_scale))
        elements = tfd.Normal(loc, scale)  # [..., *E], []
        return tfd.Independent(elements, reinterpreted_batch_ndims=self.event_rank)

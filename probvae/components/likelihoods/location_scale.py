"""What likelihoods with a location and a scale share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, TypeAlias

import keras
import tensorflow as tf

from probvae.components.likelihoods.elementwise import Elementwise
from probvae.components.scales import FLOOR, raw_scale, softplus_scale
from probvae.core import Distribution, PositiveFloat, Shape, Tensor
from probvae.errors import ConfigError

Scale: TypeAlias = Literal["fixed", "learned", "per_element"]


class LocationScale(Elementwise):
    """Independent elements around the network's outputs, batch [...] and event [*E].

    The scale is fixed, one learned number, or an output of the network for each element.

    Args:
        event_shape: E, the shape of one example.
        scale: "fixed", "learned" (one number for all elements) or "per_element" (a function of z).
        initial_scale: the scale at the start, which is where a fixed one stays; any other must be above 1e-4.

    Raises:
        ConfigError: a scale that is learned or an output would start below its floor.
    """

    def __init__(self, event_shape: Shape, scale: Scale = "learned", initial_scale: PositiveFloat = 1.0) -> None:
        super().__init__(event_shape, outputs_per_element=2 if scale == "per_element" else 1)
        if scale != "fixed" and initial_scale <= FLOOR:
            raise ConfigError(
                f"{type(self).__name__}: expected an initial_scale above {FLOOR:g}, the floor of a scale that is "
                f"{scale!r}; got {initial_scale:g}. Raise it, scale the data, or set scale = 'fixed'.",
                parameter="initial_scale",
            )
        self.scale = scale
        self.initial_scale = initial_scale
        if scale == "learned":
            start = keras.initializers.Constant(raw_scale(initial_scale))
            self.raw_scale = self.add_weight(shape=(), initializer=start, name="raw_scale")

    @abstractmethod
    def around(self, loc: Tensor, scale: Tensor) -> Distribution:
        """The elements' distributions, from locations [..., *E] and scales that broadcast to them."""

    def elements(self, outputs: Tensor) -> Distribution:
        """The elements' distributions from outputs [..., *O]: [..., *E], []."""
        if self.scale == "learned":
            return self.around(outputs, softplus_scale(self.raw_scale.value))
        if self.scale == "per_element":
            loc, raw = tf.split(outputs, 2, axis=-1)  # [..., *E] each
            return self.around(loc, softplus_scale(raw + raw_scale(self.initial_scale)))
        return self.around(outputs, tf.constant(self.initial_scale, tf.float32))

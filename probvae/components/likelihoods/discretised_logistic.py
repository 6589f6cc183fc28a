"""The likelihood of 8-bit images: logistic distributions in bins around the levels."""

from __future__ import annotations

from probvae.components.likelihoods.location_scale import LocationScale, Scale
from probvae.components.likelihoods.logistic_levels import Levels, logistic_levels
from probvae.core import Distribution, PositiveFloat, Shape, Tensor, Values


class DiscretisedLogistic(LocationScale):
    """Independent discretised logistics of levels evenly from 0 to 1, batch [...] and event [*E].

    p(x|z) = prod_i s((x_i + h - loc_i) / scale_i) - s((x_i - h - loc_i) / scale_i), a probability, with the
    logistic function s, half a step h = 1 / (2 levels - 2), and the tails in the first and the last level
    (Kingma et al., Improved variational inference with inverse autoregressive flow, 2016). The location is 1/2
    + outputs. 8-bit images have 256 levels from 0 to 1 with [data] divide_by = 255.

    Args:
        event_shape: E, the shape of one example.
        levels: how many values there are, from 0 to 1.
        scale: "fixed", "learned" (one number for all elements) or "per_element" (a function of z).
        initial_scale: the scale at the start, which is where a fixed one stays; any other must be above 1e-4.

    Raises:
        ConfigError: a scale that is learned or an output would start below its floor.
    """

    def __init__(
        self,
        event_shape: Shape,
        levels: Levels = 256,
        scale: Scale = "learned",
        initial_scale: PositiveFloat = 0.1,
    ) -> None:
        super().__init__(event_shape, scale, initial_scale)
        self.levels = levels
        self.support = Values.levels(levels, divide_by=levels - 1)

    def around(self, loc: Tensor, scale: Tensor) -> Distribution:
        """The discretised logistic with locations 1/2 + loc: [..., *E], []."""
        return logistic_levels(0.5 + loc, scale, self.levels)

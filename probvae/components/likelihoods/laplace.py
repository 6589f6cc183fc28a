"""The likelihood of real-valued data with outliers, whose location is a median."""

from __future__ import annotations

import tensorflow_probability as tfp

from probvae.components.likelihoods.location_scale import LocationScale
from probvae.core import Distribution, Tensor


class Laplace(LocationScale):
    """Independent Laplace distributions around the network's outputs, batch [...] and event [*E].

    p(x|z) = prod_i exp(-|x_i - loc_i(z)| / scale_i) / (2 scale_i), a density, the scale being fixed, one learned
    number, or an output of the network for each element (Laplace, 1774).

    Args:
        event_shape: E, the shape of one example.
        scale: "fixed", "learned" (one number for all elements) or "per_element" (a function of z).
        initial_scale: the scale at the start, which is where a fixed one stays; any other must be above 1e-4.

    Raises:
        ConfigError: a scale that is learned or an output would start below its floor.
    """

    def around(self, loc: Tensor, scale: Tensor) -> Distribution:
        """Laplace(loc, scale): [..., *E], []."""
        return tfp.distributions.Laplace(loc, scale)

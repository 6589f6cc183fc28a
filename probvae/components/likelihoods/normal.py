"""The likelihood of real-valued data."""

from __future__ import annotations

import tensorflow_probability as tfp

from probvae.components.likelihoods.location_scale import LocationScale
from probvae.core import Distribution, Tensor


class Normal(LocationScale):
    """Independent normals around the network's outputs, batch [...] and event [*E].

    p(x|z) = prod_i N(x_i; loc_i(z), scale_i²), a density, the scale being fixed, one learned number, or an output
    of the network for each element. The best learned number is the root of the mean squared error, which Rybkin,
    Daniilidis and Levine (Simple and effective VAE training with calibrated decoders, 2021) compute from x.

    Args:
        event_shape: E, the shape of one example.
        scale: "fixed", "learned" (one number for all elements) or "per_element" (a function of z).
        initial_scale: the scale at the start, which is where a fixed one stays; any other must be above 1e-4.

    Raises:
        ConfigError: a scale that is learned or an output would start below its floor.
    """

    def around(self, loc: Tensor, scale: Tensor) -> Distribution:
        """N(loc, scale²): [..., *E], []."""
        return tfp.distributions.Normal(loc, scale)

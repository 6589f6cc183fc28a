"""The likelihood of real-valued data with many or far outliers."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Gt

from probvae.components.likelihoods.location_scale import LocationScale, Scale
from probvae.core import Distribution, PositiveFloat, Shape, Tensor


class _StudentT(tfp.distributions.StudentT):
    """With TensorFlow's own sampler: that of TensorFlow Probability is traced again for each new shape."""

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        """A normal variable over the root of a chi-squared one, by the degrees of freedom."""
        one, other = tfp.random.split_seed(seed)
        shape = tf.concat([[n], self.batch_shape_tensor()], axis=0)
        chi_squared = 2 * tf.random.stateless_gamma(shape, one, 0.5 * self.df)
        return self.loc + self.scale * tf.random.stateless_normal(shape, other) * tf.sqrt(self.df / chi_squared)


class StudentT(LocationScale):
    """Independent Student-t distributions around the network's outputs, batch [...] and event [*E].

    p(x|z) = prod_i t((x_i - loc_i(z)) / scale_i; df) / scale_i, a density, with t(y; df) proportional to
    (1 + y² / df)^(-(df + 1) / 2). The scale is fixed, one learned number, or an output of the network for each
    element (Takahashi et al., Student-t variational autoencoder for robust density estimation, 2018).

    Args:
        event_shape: E, the shape of one example.
        df: the degrees of freedom, above 1 as there is no mean otherwise; fewer make heavier tails.
        scale: "fixed", "learned" (one number for all elements) or "per_element" (a function of z).
        initial_scale: the scale at the start, which is where a fixed one stays; any other must be above 1e-4.

    Raises:
        ConfigError: a scale that is learned or an output would start below its floor.
    """

    def __init__(
        self,
        event_shape: Shape,
        df: Annotated[float, Gt(1)] = 4.0,
        scale: Scale = "learned",
        initial_scale: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(event_shape, scale, initial_scale)
        self.df = df

    def around(self, loc: Tensor, scale: Tensor) -> Distribution:
        """The Student-t distribution with df degrees of freedom: [..., *E], []."""
        return _StudentT(self.df, loc, scale)

"""Flows: a standard normal through bijectors with learned parameters."""

from abc import ABC, abstractmethod
from typing import Annotated

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.components.bijectors.spline import RationalQuadraticSpline
from probvae.components.bijectors.triangular import Affine, Chain, Transformed
from probvae.components.networks.made import MADE
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import Positive, Prior, Support, Values

tfb = tfp.bijectors
tfd = tfp.distributions

SOME = keras.initializers.RandomNormal(stddev=0.3)
ONE = keras.initializers.Constant(raw_scale(1.0))


class _Flow(Prior, ABC):
    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.shift = self.add_weight(shape=(latent_dim,), initializer=SOME, name="shift")
        self.raw_scale = self.add_weight(shape=(latent_dim,), initializer=ONE, name="raw_scale")

    def affine(self):
        shift, scale = tf.convert_to_tensor(self.shift.value), softplus_scale(self.raw_scale.value)
        return tfb.Shift(shift)(tfb.Scale(scale))

    @abstractmethod
    def bijector(self):
        """A bijector on vectors [D]."""

    def base(self):
        return tfd.MultivariateNormalDiag(tf.zeros(self.latent_dim), tf.ones(self.latent_dim))

    def distribution(self):
        return tfd.TransformedDistribution(self.base(), self.bijector())


class TriangularFlow(_Flow):
    """A lower triangular matrix."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        size = latent_dim * (latent_dim + 1) // 2
        self.raw_factor = self.add_weight(shape=(size,), initializer=SOME, name="raw_factor")

    def bijector(self):
        triangle = tfp.math.fill_triangular(self.raw_factor.value)
        diagonal = softplus_scale(tf.linalg.diag_part(triangle), 0.1)
        return tfb.Chain([self.affine(), tfb.ScaleMatvecTriL(tf.linalg.set_diag(triangle, diagonal))])


class SinhArcsinhFlow(_Flow):
    """Skewed and heavier or lighter tailed elements."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.skewness = self.add_weight(shape=(latent_dim,), initializer=SOME, name="skewness")
        self.raw_tail = self.add_weight(shape=(latent_dim,), initializer=SOME, name="raw_tail")

    def bijector(self):
        tail = 0.5 + tf.sigmoid(self.raw_tail.value)
        return tfb.Chain([self.affine(), tfb.SinhArcsinh(tf.tanh(self.skewness.value), tail)])


class UnitCubeFlow(_Flow):
    """Onto the numbers from 0 to 1, without the ends."""

    support: Support = Values(0, 1, open=True)

    def bijector(self):
        return tfb.Chain([tfb.Sigmoid(), self.affine()])


class PositiveFlow(_Flow):
    """Onto the numbers above 0."""

    support: Support = Values(0, open=True)

    def bijector(self):
        return tfb.Chain([tfb.Softplus(), self.affine()])


class _LeakyRelu(tfb.Bijector):
    """x where it is positive, and a third of it elsewhere."""

    def __init__(self):
        super().__init__(forward_min_event_ndims=0, parameters={})

    def _forward(self, x):
        return tf.where(x < 0, x / 3, x)

    def _inverse(self, y):
        return tf.where(y < 0, 3 * y, y)

    def _forward_log_det_jacobian(self, x):
        return tf.where(x < 0, -tf.math.log(3.0), 0.0)


class PiecewiseLinearFlow(TriangularFlow):
    """A leaky relu between an affine map and a matrix: its log-determinant has jumps."""

    def bijector(self):
        return tfb.Chain([self.affine(), _LeakyRelu(), super().bijector()])


class GlowLikeFlow(_Flow):
    """Permuted LU matrices with a bend between them."""

    def __init__(self, latent_dim: Positive, layers: Positive = 2) -> None:
        super().__init__(latent_dim)
        shape = (layers, latent_dim, latent_dim)
        self.lower_upper = self.add_weight(shape=shape, initializer=SOME, name="lower_upper")
        self.skewness = self.add_weight(shape=(layers, latent_dim), initializer=SOME, name="skewness")

    def bijector(self):
        parts = [self.affine()]
        turned = tf.range(self.latent_dim)[::-1]
        for lower_upper, skewness in zip(
            tf.unstack(self.lower_upper.value), tf.unstack(self.skewness.value), strict=True
        ):
            diagonal = softplus_scale(tf.linalg.diag_part(lower_upper), 0.1)
            matrix = tf.linalg.set_diag(lower_upper, diagonal)
            parts += [tfb.ScaleMatvecLU(matrix, turned), tfb.SinhArcsinh(tf.tanh(skewness))]
        return tfb.Chain(parts)


class ElementwiseSplineFlow(_Flow):
    """A rational-quadratic spline of each element, the identity beyond 4."""

    def __init__(self, latent_dim: Positive, bins: Annotated[int, Ge(2), Le(20)] = 5) -> None:
        super().__init__(latent_dim)
        self.widths = self.add_weight(shape=(latent_dim, bins), initializer=SOME, name="widths")
        self.heights = self.add_weight(shape=(latent_dim, bins), initializer=SOME, name="heights")
        self.slopes = self.add_weight(shape=(latent_dim, bins - 1), initializer=SOME, name="slopes")

    def bijector(self):
        bins = self.widths.shape[-1]

        def sizes(raw):
            return 8.0 * (0.02 / bins + 0.98 * tf.nn.softmax(raw.value))

        slopes = 0.05 + tf.nn.softplus(self.slopes.value)
        spline = RationalQuadraticSpline(sizes(self.widths), sizes(self.heights), slopes, bound=4.0)
        affine = Affine(self.shift.value, tf.math.log(softplus_scale(self.raw_scale.value)))
        return Chain([affine, spline])

    def distribution(self):
        return Transformed(self.base(), self.bijector())


class InverseAutoregressiveFlow(_Flow):
    """A masked autoregressive map the other way round: samples in one pass, densities in D."""

    def __init__(self, latent_dim: Positive, hidden: Positive = 8) -> None:
        super().__init__(latent_dim)
        self.network = MADE(latent_dim, 2, (hidden,))

    def bijector(self):
        def shift_and_log_scale(y):
            shift, log_scale = tf.unstack(self.network.parameters(y), axis=-1)
            return tf.tanh(shift), tf.tanh(log_scale)

        return tfb.Chain([self.affine(), tfb.Invert(tfb.MaskedAutoregressiveFlow(shift_and_log_scale))])

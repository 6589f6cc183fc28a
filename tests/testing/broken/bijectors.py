"""Wrong bijectors."""

from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.components.networks.dense import Dense
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import Component, Positive

tfb = tfp.bijectors

ONE = keras.initializers.Constant(raw_scale(1.0))


class _Affine(Component):
    """y = scale x + shift, elementwise, before anything is wrong with it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.shift = self.add_weight(shape=(latent_dim,), initializer=start, name="shift")
        self.raw_scale = self.add_weight(shape=(latent_dim,), initializer=ONE, name="raw_scale")

    def parameters(self):
        """The shift and the scale, both [D]."""
        return tf.convert_to_tensor(self.shift.value), softplus_scale(self.raw_scale.value)

    def inline(self, forward=None, inverse=None, log_det=None, **others):
        """The affine map as a bijector on vectors, with other functions in the place of its own."""
        shift, scale = self.parameters()
        total = tf.reduce_sum(tf.math.log(scale))
        return tfb.Inline(
            forward_fn=forward or (lambda x: scale * x + shift),
            inverse_fn=inverse or (lambda y: (y - shift) / scale),
            forward_log_det_jacobian_fn=log_det or (lambda x: total + tf.zeros_like(x[..., 0])),
            forward_min_event_ndims=1,
            **others,
        )


# Log-determinants


class WrongSign(_Affine):
    """The log-determinant of the forward map has the sign of the inverse's."""

    def bijector(self):
        _, scale = self.parameters()
        return self.inline(log_det=lambda x: tf.zeros_like(x[..., 0]) - tf.reduce_sum(tf.math.log(scale)))


class InverseHasTheSignOfForward(_Affine):
    """The log-determinant of the inverse is that of the forward map, its sign not turned."""

    def bijector(self):
        _, scale = self.parameters()

        def of_inverse(y):
            return tf.zeros_like(y[..., 0]) + tf.reduce_sum(tf.math.log(scale))

        return self.inline(inverse_log_det_jacobian_fn=of_inverse)


class NotSummed(_Affine):
    """The log-determinant is not summed over the dimensions."""

    def bijector(self):
        _, scale = self.parameters()
        return self.inline(log_det=lambda x: tf.math.log(scale) + tf.zeros_like(x))


class OncePerDimension(_Affine):
    """The log-determinant, summed over the dimensions already, is counted once per dimension."""

    def bijector(self):
        _, scale = self.parameters()
        total = self.latent_dim * tf.reduce_sum(tf.math.log(scale))
        return self.inline(log_det=lambda x: total + tf.zeros_like(x[..., 0]))


class LogDetForgotten(_Affine):
    """The log-determinant is zero, as if the map kept volumes."""

    def bijector(self):
        return self.inline(log_det=lambda x: tf.zeros_like(x[..., 0]))


class SummedOverTheBatchToo(_Affine):
    """A map of vectors says that it is one of scalars, so that its log-determinants are summed over the batch."""

    def bijector(self):
        shift, scale = self.parameters()
        return tfb.Inline(
            forward_fn=lambda x: scale * x + shift,
            inverse_fn=lambda y: (y - shift) / scale,
            forward_log_det_jacobian_fn=lambda x: tf.reduce_sum(tf.math.log(scale)) + tf.zeros_like(x[..., 0]),
            forward_min_event_ndims=0,
        )


# Inverses


class ApproximateInverse(_Affine):
    """The inverse is a fixed-point iteration that stops too soon."""

    def bijector(self):
        shift, scale = self.parameters()

        def inverse(y):
            u = (y - shift) / scale
            x = u
            for _ in range(4):
                x = u - 0.5 * tf.tanh(x)
            return x

        def log_det(x):
            return tf.reduce_sum(tf.math.log(scale) + tf.math.log(1.5 - 0.5 * tf.tanh(x) ** 2), axis=-1)

        return self.inline(lambda x: scale * (x + 0.5 * tf.tanh(x)) + shift, inverse, log_det)


class LastShiftForgotten(_Affine):
    """The inverse forgets the shift of the last dimension."""

    def bijector(self):
        shift, scale = self.parameters()
        keep = tf.constant([1.0] * (self.latent_dim - 1) + [0.0])
        return self.inline(inverse=lambda y: (y - keep * shift) / scale)


class RightByItsCache(_Affine):
    """The inverse is the identity, and only the cache of forward's results hides it."""

    def bijector(self):
        return self.inline(inverse=tf.identity)


class InverseOrderForgotten(_Affine):
    """The inverse of two maps undoes the first one first."""

    def bijector(self):
        shift, scale = self.parameters()
        return self.inline(inverse=lambda y: y / scale - shift)


class NotOneToOne(_Affine):
    """Steep sines make the map fold back, so that several points go to one."""

    def bijector(self):
        shift, scale = self.parameters()

        def forward(x):
            return scale * (x + tf.sin(3 * x)) + shift

        def log_det(x):
            slope = tf.abs(1 + 3 * tf.cos(3 * x)) + 1e-6
            return tf.reduce_sum(tf.math.log(scale) + tf.math.log(slope), axis=-1)

        def inverse(y):
            u = (y - shift) / scale
            x = u
            for _ in range(20):
                x = u - tf.sin(3 * x)
            return x

        return self.inline(forward, inverse, log_det)


# Couplings


class MaskOffByOne(Component):
    """The mask of the autoregressive network lets each output see its own input."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.mask = np.triu(np.ones((latent_dim, latent_dim), np.float32))  # triu(..., 1) would be right
        start = keras.initializers.RandomNormal(stddev=0.3)
        shape = (latent_dim, latent_dim)
        self.shift_kernel = self.add_weight(shape=shape, initializer=start, name="shift_kernel")
        self.scale_kernel = self.add_weight(shape=shape, initializer=start, name="scale_kernel")
        self.bias = self.add_weight(shape=(latent_dim,), initializer="zeros", name="bias")

    def bijector(self):
        def shift_and_log_scale(y):
            shift = tf.linalg.matvec(self.shift_kernel.value * self.mask, y, transpose_a=True) + self.bias.value
            log_scale = tf.linalg.matvec(self.scale_kernel.value * self.mask, y, transpose_a=True)
            return shift, tf.tanh(log_scale)

        return tfb.MaskedAutoregressiveFlow(shift_and_log_scale)


class NetworkHidden(Component):
    """The network of a coupling is made inside a closure, where nothing saves it."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        half = latent_dim // 2
        network = Dense((8,), "tanh").connect((max(1, half),), (2 * (latent_dim - half),))

        def affine(x, units):
            constant = tf.ones(tf.concat([tf.shape(x)[:-1], [1]], axis=0))
            shift, log_scale = tf.split(network.outputs(x if half else constant), 2, axis=-1)
            return tfb.Shift(shift)(tfb.Scale(log_scale=tf.tanh(log_scale)))

        self.make = lambda: tfb.RealNVP(half, bijector_fn=affine)

    def bijector(self):
        return self.make()


class HalvesOverlap(Component):
    """A coupling transforms one of the dimensions that it also reads, so its Jacobian is not triangular."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.half = latent_dim // 2
        self.rest = latent_dim - self.half
        self.network = Dense((8,), "tanh").connect((self.half + 1,), (2 * self.rest,))

    def parameters(self, x):
        shift, log_scale = tf.split(self.network.outputs(x[..., : self.half + 1]), 2, axis=-1)
        return shift, tf.tanh(log_scale)

    def bijector(self):
        def forward(x):
            shift, log_scale = self.parameters(x)
            return tf.concat([x[..., : self.half], x[..., self.half :] * tf.exp(log_scale) + shift], axis=-1)

        def inverse(y):
            shift, log_scale = self.parameters(y)
            return tf.concat([y[..., : self.half], (y[..., self.half :] - shift) * tf.exp(-log_scale)], axis=-1)

        return tfb.Inline(
            forward_fn=forward,
            inverse_fn=inverse,
            forward_log_det_jacobian_fn=lambda x: tf.reduce_sum(self.parameters(x)[1], axis=-1),
            forward_min_event_ndims=1,
        )


class InverseClipped(_Affine):
    """The inverse ends at 5, where forward does not."""

    def bijector(self):
        shift, scale = self.parameters()
        return self.inline(inverse=lambda y: tf.clip_by_value((y - shift) / scale, -5.0, 5.0))


class FewNewtonSteps(_Affine):
    """The inverse is a search of six Newton steps, which is enough near 0 and not far out."""

    def bijector(self):
        _, scale = self.parameters()
        a = 0.1 * scale

        def inverse(y):
            x = y
            for _ in range(6):
                x = x - (x + a * x**3 - y) / (1 + 3 * a * x**2)
            return x

        return self.inline(
            forward=lambda x: x + a * x**3,
            inverse=inverse,
            log_det=lambda x: tf.reduce_sum(tf.math.log1p(3 * a * x**2), axis=-1),
        )


class SumOverAxisOne(_Affine):
    """The log-determinant is summed over axis 1: of [N, D] that is the last one, of [S, B, D] it is not."""

    def bijector(self):
        _, scale = self.parameters()
        return self.inline(log_det=lambda x: tf.reduce_sum(tf.math.log(scale) + tf.zeros_like(x), axis=1))


class StartedByTheFirstBatch(_Affine):
    """An ActNorm whose flag that it has started is no variable: the first batch after loading starts it again."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.started = False

    def start(self, x):
        if not self.started:
            self.started = True
            self.shift.assign(tf.reduce_mean(tf.reshape(x, (-1, self.latent_dim)), axis=0))
        return x

    def bijector(self):
        shift, scale = self.shift, softplus_scale(self.raw_scale.value)
        return tfb.Inline(
            forward_fn=lambda x: scale * self.start(x) + shift.value,
            inverse_fn=lambda y: (self.start(y) - shift.value) / scale,
            forward_log_det_jacobian_fn=lambda x: tf.reduce_sum(tf.math.log(scale)) + tf.zeros_like(x[..., 0]),
            forward_min_event_ndims=1,
        )


# Wrong for a few values of its variables, or at a few points


class TfpSpline(Component):
    """The inverse of TFP's spline takes the root of what rounds below zero next to some knots."""

    def __init__(self, latent_dim: Positive, bins: Annotated[int, Ge(2), Le(20)] = 8) -> None:
        super().__init__()
        self.bins = bins
        start = keras.initializers.RandomNormal(stddev=0.3)
        self.raw = self.add_weight(shape=(latent_dim, 3 * bins - 1), initializer=start, name="raw")

    def bijector(self):
        widths, heights, slopes = tf.split(self.raw.value, [self.bins, self.bins, self.bins - 1], axis=-1)

        def sizes(raw):
            return 8.0 * (0.02 / self.bins + 0.98 * tf.nn.softmax(raw))

        return tfb.RationalQuadraticSpline(
            sizes(widths), sizes(heights), 1e-3 + tf.nn.softplus(slopes), range_min=-4.0
        )


class PlanarWithoutItsConstraint(Component):
    """A planar flow whose wᵀu is not kept above -1, below which it folds back (Rezende and Mohamed, 2015)."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        start = keras.initializers.RandomNormal(stddev=0.3)
        self.w = self.add_weight(shape=(latent_dim,), initializer=start, name="w")
        self.u = self.add_weight(shape=(latent_dim,), initializer=start, name="u")
        self.b = self.add_weight(shape=(), initializer="zeros", name="b")

    def bijector(self):
        w, u, b = (tf.convert_to_tensor(v.value) for v in (self.w, self.u, self.b))
        slope = tf.reduce_sum(w * u)

        def along(x):
            return tf.reduce_sum(w * x, axis=-1, keepdims=True)

        def inverse(y):
            target = along(y)  # a + slope tanh(a + b), which is solved for a by bisection
            low, high = target - tf.abs(slope), target + tf.abs(slope)
            for _ in range(40):
                middle = 0.5 * (low + high)
                below = middle + slope * tf.tanh(middle + b) < target
                low, high = tf.where(below, middle, low), tf.where(below, high, middle)
            return y - u * tf.tanh(0.5 * (low + high) + b)

        def log_det(x):
            return tf.math.log(tf.abs(1 + slope * (1 - tf.tanh(along(x) + b) ** 2)))[..., 0]

        return tfb.Inline(
            forward_fn=lambda x: x + u * tf.tanh(along(x) + b),
            inverse_fn=inverse,
            forward_log_det_jacobian_fn=log_det,
            forward_min_event_ndims=1,
        )


class SlopeMayBeNegative(_Affine):
    """The slope of its left half is 1 + 0.4 raw, which a hundredth of ordinary values makes negative."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.raw_slope = self.add_weight(shape=(latent_dim,), initializer="zeros", name="raw_slope")

    def bijector(self):
        shift, scale = self.parameters()
        slope = 1 + 0.4 * self.raw_slope.value

        def log_det(x):
            return tf.reduce_sum(tf.math.log(scale * tf.where(x < 0, tf.abs(slope), 1.0)), axis=-1)

        def inverse(y):
            u = (y - shift) / scale
            return tf.where(u < 0, u / slope, u)

        return self.inline(lambda x: scale * tf.where(x < 0, slope * x, x) + shift, inverse, log_det)


class BendsByItsOwnWeight(_Affine):
    """Its sine has an unbounded weight: above 1 the map is not one-to-one."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.bend = self.add_weight(shape=(latent_dim,), initializer="zeros", name="bend")

    def bijector(self):
        shift, scale = self.parameters()
        bend = 0.35 * self.bend.value

        def inverse(y):
            u = (y - shift) / scale
            low, high = u - tf.abs(bend), u + tf.abs(bend)
            for _ in range(40):
                middle = 0.5 * (low + high)
                below = middle + bend * tf.sin(middle) < u
                low, high = tf.where(below, middle, low), tf.where(below, high, middle)
            return 0.5 * (low + high)

        def log_det(x):
            return tf.reduce_sum(tf.math.log(scale * tf.abs(1 + bend * tf.cos(x))), axis=-1)

        return self.inline(lambda x: scale * (x + bend * tf.sin(x)) + shift, inverse, log_det)


class NothingAtZero(_Affine):
    """It scales by x / |x|, which is no number at 0."""

    def bijector(self):
        _, scale = self.parameters()
        return self.inline(
            forward=lambda x: x / tf.abs(x) * tf.math.log1p(scale * tf.abs(x)),
            inverse=lambda y: y / tf.abs(y) * tf.math.expm1(tf.abs(y)) / scale,
            log_det=lambda x: tf.reduce_sum(tf.math.log(scale) - tf.math.log1p(scale * tf.abs(x)), axis=-1),
        )


class SeriesNearZero(_Affine):
    """Near 0 a series takes over in the log-determinant, and lacks the scale."""

    def bijector(self):
        _, scale = self.parameters()
        scale = 0.5 + 3.0 * tf.sigmoid(scale)

        def log_det(x):
            return tf.reduce_sum(tf.where(tf.abs(x) < 1e-4, x, tf.math.log(scale)), axis=-1)

        return self.inline(log_det=log_det, forward=lambda x: scale * x, inverse=lambda y: y / scale)


# Not all of it is saved


class InverseKeptAsAnArray(_Affine):
    """A rotation is a weight, and its inverse an array that was made from it in __init__."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        start = keras.initializers.Orthogonal()
        self.rotation = self.add_weight(
            shape=(latent_dim, latent_dim), initializer=start, name="rotation", trainable=False
        )
        self.back = np.linalg.inv(self.rotation.numpy())

    def bijector(self):
        shift, scale = self.parameters()
        return self.inline(
            forward=lambda x: tf.linalg.matvec(self.rotation.value, scale * x + shift),
            inverse=lambda y: (tf.linalg.matvec(self.back, y) - shift) / scale,
        )


class LogDetKept(_Affine):
    """A part of the log-determinant is a number that was computed in __init__."""

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__(latent_dim)
        self.start = self.add_weight(
            shape=(latent_dim,),
            initializer=keras.initializers.RandomUniform(0.5, 2.0),
            name="start",
            trainable=False,
        )
        self.total = float(np.log(self.start.numpy()).sum())

    def bijector(self):
        shift, scale = self.parameters()
        scale = scale * self.start.value
        rest = tf.reduce_sum(tf.math.log(scale / self.start.value))
        return self.inline(
            forward=lambda x: scale * x + shift,
            inverse=lambda y: (y - shift) / scale,
            log_det=lambda x: self.total + rest + tf.zeros_like(x[..., 0]),
        )

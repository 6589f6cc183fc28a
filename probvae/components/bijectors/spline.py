"""Rational-quadratic splines, in a form that keeps precision at the knots."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from probvae.components.bijectors.triangular import TriangularBijector
from probvae.core import Tensor


class RationalQuadraticSpline(TriangularBijector):
    """A monotone spline of K rational-quadratic pieces on [-bound, bound], elementwise; the identity outside.

    Between the knots (x₀, y₀) and (x₁, y₁) with slopes d₀ and d₁, let s = (y₁ - y₀) / (x₁ - x₀) and r = d / s.
    An element that is at ξ of the way from x₀ to x₁ goes to η of the way from y₀ to y₁ (Durkan, Bekasov, Murray,
    Papamakarios, Neural spline flows, 2019, equation 4, divided by s). With ξ' = 1 - ξ and η' = 1 - η,

        η = ξ (ξ + r₀ ξ') / n,  n = ξ² + (r₀ + r₁) ξ ξ' + ξ'²
        dy / dx = s (r₁ ξ² + 2 ξ ξ' + r₀ ξ'²) / n²
        ξ / ξ' = 2 η / (u + √(u² + 4 η η')),  u = r₀ η' - r₁ η

    The last line is the root of their quadratic equation, whose discriminant can round below zero next to a knot
    when it is computed from the coefficients. Written like this, it is a sum of two terms that are never negative.

    Args:
        widths: of the pieces, above 0 and with the sum 2 bound: [..., K].
        heights: the same of their images.
        slopes: at the K - 1 inner knots, above 0; those at the ends are 1: [..., K - 1].
        bound: where the spline ends.
    """

    def __init__(self, widths: Tensor, heights: Tensor, slopes: Tensor, bound: float) -> None:
        ends = tf.ones_like(slopes[..., :1])
        self._bound = bound
        self._x = _knots(widths, bound)
        self._y = _knots(heights, bound)
        self._slopes = tf.concat([ends, slopes, ends], axis=-1)

    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The images y and log dy/dx, each [..., D]."""
        piece, xi = self._at_x(x)
        y = piece.y0 + (piece.y1 - piece.y0) * piece.image(xi)
        return self._inside(x, y, x), self._inside(x, piece.log_slope(xi), tf.zeros_like(x))

    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The points x and log dx/dy, each [..., D]."""
        piece, xi = self._at_y(y)
        x = piece.x0 + (piece.x1 - piece.x0) * xi.low
        return self._inside(y, x, y), self._inside(y, -piece.log_slope(xi), tf.zeros_like(y))

    def _at_x(self, x: Tensor) -> tuple[_Piece, _Place]:
        """The piece that each element of x is in, and where in it."""
        x = tf.clip_by_value(x, -self._bound, self._bound)
        piece = self._piece(x, self._x)
        return piece, _between(x, piece.x0, piece.x1)

    def _at_y(self, y: Tensor) -> tuple[_Piece, _Place]:
        """The piece whose image each element of y is in, and where in it its origin is."""
        y = tf.clip_by_value(y, -self._bound, self._bound)
        piece = self._piece(y, self._y)
        return piece, piece.origin(_between(y, piece.y0, piece.y1))

    def _piece(self, at: Tensor, knots: Tensor) -> _Piece:
        """The piece between the two knots that each element is between."""
        above = tf.cast(at[..., None] >= knots[..., 1:-1], tf.float32)  # [..., K - 1]
        one = tf.ones_like(above[..., :1])
        mine = tf.concat([one, above], axis=-1) - tf.concat([above, 0.0 * one], axis=-1)  # [..., K], one of them 1

        ends = [
            part for values in (self._x, self._y, self._slopes) for part in (values[..., :-1], values[..., 1:])
        ]
        found = tf.reduce_sum(mine[..., None, :] * tf.stack(ends, axis=-2), axis=-1)  # [..., 6]
        return _Piece(*tf.unstack(found, axis=-1))

    def _inside(self, at: Tensor, spline: Tensor, outside: Tensor) -> Tensor:
        return tf.where(tf.abs(at) < self._bound, spline, outside)


class _Place(NamedTuple):
    """How far from the lower and from the upper end: two shares of 1, each with all of its digits."""

    low: Tensor
    high: Tensor


class _Piece(NamedTuple):
    """A rational-quadratic piece between two knots, with their slopes."""

    x0: Tensor
    x1: Tensor
    y0: Tensor
    y1: Tensor
    d0: Tensor
    d1: Tensor

    @property
    def slope(self) -> Tensor:
        """S, the slope of the straight line between the knots."""
        return (self.y1 - self.y0) / (self.x1 - self.x0)

    def normalizer(self, xi: _Place) -> Tensor:
        """N, above 0."""
        mixed = (self.d0 + self.d1) / self.slope * xi.low * xi.high
        return xi.low**2 + mixed + xi.high**2

    def image(self, xi: _Place) -> Tensor:
        """How far the image is from the lower end: η."""
        return xi.low * (xi.low + self.d0 / self.slope * xi.high) / self.normalizer(xi)

    def origin(self, eta: _Place) -> _Place:
        """Where the element is whose image is at η."""
        u = (self.d0 * eta.high - self.d1 * eta.low) / self.slope
        rising = u >= 0
        # |u| + √(u² + 4 η η'): if u is negative, u + √(...) is 4 η η' divided by this.
        root = tf.where(rising, u, -u) + tf.sqrt(u**2 + 4 * eta.low * eta.high)
        low = tf.where(rising, 2 * eta.low, root)
        high = tf.where(rising, root, 2 * eta.high)
        return _Place(low / (low + high), high / (low + high))

    def log_slope(self, xi: _Place) -> Tensor:
        """Log dy / dx."""
        ends = (self.d1 * xi.low**2 + self.d0 * xi.high**2) / self.slope
        mixed = 2 * xi.low * xi.high
        return tf.math.log(self.slope) + tf.math.log(ends + mixed) - 2 * tf.math.log(self.normalizer(xi))


def _knots(sizes: Tensor, bound: float) -> Tensor:
    """Where the pieces begin and end, the last at the bound in every digit: [..., K + 1]."""
    inner = tf.cumsum(sizes[..., :-1], axis=-1) - bound
    end = bound * tf.ones_like(sizes[..., :1])
    return tf.concat([-end, inner, end], axis=-1)


def _between(at: Tensor, low: Tensor, high: Tensor) -> _Place:
    return _Place((at - low) / (high - low), (high - at) / (high - low))

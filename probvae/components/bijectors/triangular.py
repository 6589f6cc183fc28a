"""Bijectors whose log-determinant is a sum over elements, and the distribution that one makes of another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import Tensor


class TriangularBijector(ABC):
    """An invertible map x -> y of vectors [..., D] whose Jacobian is triangular, up to the order of elements.

    Its log-determinant is the sum of the log-slopes log |dy_i / dx_i|. A subclass gives values and log-slopes in
    one pass, so that the network of a coupling is evaluated once for both. The other four methods are those of a
    `tfb.Bijector`. Nothing is cached.
    """

    @abstractmethod
    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The images y of x [..., D] and the log-slopes log |dy_i / dx_i|, both [..., D]."""

    @abstractmethod
    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The points x whose images are y [..., D] and the log-slopes log |dx_i / dy_i|, both [..., D]."""

    def forward(self, x: Tensor) -> Tensor:
        """The images y of x: [..., D]."""
        return self.forward_with_slopes(x)[0]

    def inverse(self, y: Tensor) -> Tensor:
        """The points x whose images are y: [..., D]."""
        return self.inverse_with_slopes(y)[0]

    def forward_log_det_jacobian(self, x: Tensor, event_ndims: int = 1) -> Tensor:
        """Log |det dy/dx|: [...], or the log-slopes [..., D] if `event_ndims` is 0."""
        return _over_event(self.forward_with_slopes(x)[1], event_ndims)

    def inverse_log_det_jacobian(self, y: Tensor, event_ndims: int = 1) -> Tensor:
        """Log |det dx/dy|: [...], or the log-slopes [..., D] if `event_ndims` is 0."""
        return _over_event(self.inverse_with_slopes(y)[1], event_ndims)


def _over_event(log_slopes: Tensor, event_ndims: int) -> Tensor:
    return tf.reduce_sum(log_slopes, axis=-1) if event_ndims else log_slopes


class Chain(TriangularBijector):
    """parts[0] ∘ parts[1] ∘ ...: x goes through the last one first, as in `tfb.Chain`.

    Args:
        parts: the bijectors.
    """

    def __init__(self, parts: Sequence[TriangularBijector]) -> None:
        self.parts = parts

    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The images y and log |dy/dx|, which is to be summed over elements: a part may reorder them."""
        total = tf.zeros_like(x)
        for part in reversed(self.parts):
            x, log_slopes = part.forward_with_slopes(x)
            total += log_slopes
        return x, total

    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The points x and log |dx/dy|, which is to be summed over elements: a part may reorder them."""
        total = tf.zeros_like(y)
        for part in self.parts:
            y, log_slopes = part.inverse_with_slopes(y)
            total += log_slopes
        return y, total


class Affine(TriangularBijector):
    """y = x exp(log_scale) + shift, elementwise.

    Args:
        shift: what broadcasts to [..., D].
        log_scale: what broadcasts to [..., D].
    """

    def __init__(self, shift: Tensor, log_scale: Tensor) -> None:
        self.shift = shift
        self.log_scale = log_scale

    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The images y and log_scale, each [..., D]."""
        y = x * tf.exp(self.log_scale) + self.shift
        return y, tf.broadcast_to(self.log_scale, tf.shape(y))

    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The points x and -log_scale, each [..., D]."""
        x = (y - self.shift) * tf.exp(-self.log_scale)
        return x, tf.broadcast_to(-self.log_scale, tf.shape(x))


class Reverse(TriangularBijector):
    """The elements in reverse order."""

    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The elements from the last to the first, and zeros."""
        return x[..., ::-1], tf.zeros_like(x)

    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The same, which undoes itself."""
        return self.forward_with_slopes(y)


class Inverse(TriangularBijector):
    """The inverse of a bijector.

    Args:
        of: the bijector.
    """

    def __init__(self, of: TriangularBijector) -> None:
        self.of = of

    def forward_with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The points whose images are x, and their log-slopes."""
        return self.of.inverse_with_slopes(x)

    def inverse_with_slopes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The images of y, and their log-slopes."""
        return self.of.forward_with_slopes(y)


class Transformed(tfp.distributions.Distribution):
    """The distribution of y = f(x) for a bijector f of vectors.

    log p(y) = log p_x(f⁻¹(y)) + log |det ∂f⁻¹/∂y|

    `tfd.TransformedDistribution` is the same for a `tfb.Bijector`, with many more operations around those of the
    bijector.

    Args:
        base: p_x: [batch], [D].
        bijector: f.
    """

    def __init__(self, base: tfp.distributions.Distribution, bijector: TriangularBijector) -> None:
        self.base = base
        self.bijector = bijector
        super().__init__(
            dtype=base.dtype,
            reparameterization_type=base.reparameterization_type,
            validate_args=False,
            allow_nan_stats=True,
            name="transformed",
        )

    def _batch_shape(self) -> tf.TensorShape:
        return self.base.batch_shape

    def _batch_shape_tensor(self) -> Tensor:
        return self.base.batch_shape_tensor()

    def _event_shape(self) -> tf.TensorShape:
        return self.base.event_shape

    def _event_shape_tensor(self) -> Tensor:
        return self.base.event_shape_tensor()

    def _sample_n(self, n: Any, seed: Any = None) -> Tensor:
        return self.bijector.forward(self.base.sample(n, seed))

    def _log_prob(self, y: Tensor) -> Tensor:
        x, log_slopes = self.bijector.inverse_with_slopes(y)
        return self.base.log_prob(x) + tf.reduce_sum(log_slopes, axis=-1)

    def _sample_and_log_prob(self, sample_shape: Any, seed: Any = None) -> tuple[Tensor, Tensor]:
        x = self.base.sample(sample_shape, seed)
        y, log_slopes = self.bijector.forward_with_slopes(x)
        return y, self.base.log_prob(x) - tf.reduce_sum(log_slopes, axis=-1)

"""Distributions on the unit sphere of any dimension, and the divergence between them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from probvae import Distribution, Tensor
from probvae.errors import ShapeError

from probvae_hyperspherical.angle import Angle, log_area

tfd = tfp.distributions


class VonMisesFisher(tfp.distributions.Distribution):
    """The von Mises-Fisher distribution on the unit sphere S^(D-1) in R^D, batch [*B] and event [D].

    p(z) = κ^(D/2-1) exp(κ μᵀz) / ((2π)^(D/2) I_(D/2-1)(κ)), with respect to surface area (Mardia and Jupp,
    Directional statistics, 2000)

    Unlike TFP's it serves every D from 2 up, and its samples are reparameterised in both parameters for all of
    them. A sample is z = cos θ μ + sin θ t, with the angle θ at a random level of its quantile function (see
    `Angle`) and t a random direction across μ. A change dμ of the mode turns the sample along with it, by the
    rotation in the plane of the two: dz = dμ (μᵀz) - μ (dμᵀz). As a rotated von Mises-Fisher distribution is that
    of the rotated samples, the gradient is unbiased; and it has no pole near which it grows without bound.

    Args:
        mean_direction: μ [*B, D], of norm 1.
        concentration: κ [*B], 0 or above; at 0 the distribution is uniform.
        name: what its operations are called.

    Raises:
        ShapeError: D is below 2, or not known before the graph runs.
    """

    def __init__(self, mean_direction: Tensor, concentration: Tensor, name: str = "VonMisesFisher") -> None:
        parameters = dict(locals())
        self.mean_direction = tf.convert_to_tensor(mean_direction, dtype_hint=tf.float32)
        self.concentration = tf.convert_to_tensor(concentration, self.mean_direction.dtype)
        shape = self.mean_direction.shape
        self._dimension = shape[-1] if shape.rank else 0
        if self._dimension is None or self._dimension < 2:
            raise ShapeError(
                f"{name}: expected mean_direction [..., D] with D known and at least 2; got shape {shape}. "
                "A sphere needs two latents."
            )
        super().__init__(
            dtype=self.mean_direction.dtype,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
        properties = tfp.util.ParameterProperties
        return {"mean_direction": properties(event_ndims=1), "concentration": properties()}

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([self._dimension])

    def _event_shape_tensor(self) -> Tensor:
        return tf.constant([self._dimension])

    @property
    def angle(self) -> Angle:
        """The angle between a sample and the mode."""
        return Angle(self.concentration, self._dimension)

    def divergence_from_uniform(self) -> Tensor:
        """The KL from this distribution to the uniform one: [*B], in nats.

        E[log p(z)] + log area = -κ E[1 - cos θ] - log E_uniform[exp(-κ (1 - cos θ))], in which no large numbers
        cancel.
        """
        angle = self.angle
        log_mean = angle.log_mass + log_area(self._dimension - 1) - log_area(self._dimension)
        divergence = -angle.concentration * angle.mean_versine - log_mean
        return tf.broadcast_to(self._cast(divergence), self.batch_shape_tensor())

    def _log_prob(self, z: Tensor) -> Tensor:
        # 1 - μᵀz, which itself would have no digits left in float32 where κ is large and z near μ.
        versine = tf.reduce_sum((z - self.mean_direction) ** 2, axis=-1) / 2
        return -self.concentration * versine - self._log_normalizer(self.angle)

    def _log_normalizer(self, angle: Angle) -> Tensor:
        """The log of the integral of exp(-κ (1 - μᵀz)) over the sphere: [*B]."""
        return self._cast(angle.log_mass + log_area(self._dimension - 1))

    def _sample_n(self, n: Tensor, seed: Any = None) -> Tensor:
        return self._draw(n, seed)[0]

    def _sample_and_log_prob(self, sample_shape: Tensor, seed: Any) -> tuple[Tensor, Tensor]:
        z, versine = self._draw(tf.reduce_prod(sample_shape), seed)
        log_prob = -self.concentration * versine - self._log_normalizer(self.angle)
        shape = tf.concat([sample_shape, self.batch_shape_tensor()], axis=0)
        return tf.reshape(z, tf.concat([shape, [self._dimension]], axis=0)), tf.reshape(log_prob, shape)

    def _draw(self, n: Tensor, seed: Any) -> tuple[Tensor, Tensor]:
        """Samples [n, *B, D], and 1 - cos θ for each [n, *B]."""
        level_seed, direction_seed = tfp.random.split_seed(seed, salt="von_mises_fisher")
        shape = tf.concat([[n], self.batch_shape_tensor()], axis=0)
        levels = tf.random.stateless_uniform(shape, level_seed, dtype=tf.float64)
        angle = Angle(tf.broadcast_to(self.concentration, shape[1:]), self._dimension).quantiles(levels)
        versine, sine = self._cast(angle.versine), self._cast(angle.sine)
        shape = tf.concat([shape, [self._dimension]], axis=0)
        noise = tf.random.stateless_normal(shape, direction_seed, dtype=self.dtype)
        # Twice, as rounding leaves a little of μ after the first.
        direction = tf.math.l2_normalize(self._across(self._across(noise)), axis=-1, epsilon=1e-30)
        # The third time for its derivative to μ, which is the rotation. That of the first two would let the
        # direction also spin around μ, by random amounts that are 0 in the mean and without bound for D = 3.
        direction = self._across(tf.stop_gradient(direction))
        return (1 - versine)[..., None] * self.mean_direction + sine[..., None] * direction, versine

    def _across(self, x: Tensor) -> Tensor:
        """What of x [..., D] is orthogonal to μ."""
        return x - tf.reduce_sum(x * self.mean_direction, axis=-1, keepdims=True) * self.mean_direction

    def _mode(self) -> Tensor:
        return self._per_element(self.mean_direction)

    def _mean(self) -> Tensor:
        return self._per_element(self._cast(1 - self.angle.mean_versine)[..., None] * self.mean_direction)

    def _variance(self) -> Tensor:
        along, across = self._spread()
        return self._per_element(across + (along - across) * self.mean_direction**2)

    def _covariance(self) -> Tensor:
        along, across = (part[..., None] for part in self._spread())
        outer = self.mean_direction[..., :, None] * self.mean_direction[..., None, :]
        return across * tf.eye(self._dimension, dtype=self.dtype) + (along - across) * outer

    def _entropy(self) -> Tensor:
        return log_area(self._dimension) - self.divergence_from_uniform()

    def _spread(self) -> tuple[Tensor, Tensor]:
        """The variance along μ, and in each direction across it: [*B, 1] each."""
        angle = self.angle
        sine_squared = angle.mean_versine * (2 - angle.mean_versine) - angle.variance  # its mean
        across = sine_squared / (self._dimension - 1)
        return self._cast(angle.variance)[..., None], self._cast(across)[..., None]

    def _per_element(self, x: Tensor) -> Tensor:
        return tf.broadcast_to(x, tf.concat([self.batch_shape_tensor(), [self._dimension]], axis=0))

    def _cast(self, tensor: Tensor) -> Tensor:
        return tf.cast(tensor, self.dtype)


class SphericalUniform(tfp.distributions.SphericalUniform):
    """TFP's uniform distribution on the unit sphere in R^D, with a variance: 1 / D for each element."""

    def _variance(self) -> Tensor:
        return tf.linalg.diag_part(self._covariance())


@tfd.RegisterKL(VonMisesFisher, tfd.SphericalUniform)
def _von_mises_fisher_to_uniform(q: VonMisesFisher, p: Distribution, name: str | None = None) -> Tensor:
    """KL(q || p): [*B], in nats."""
    with tf.name_scope(name or "kl_von_mises_fisher_spherical_uniform"):
        p.event_shape.assert_is_compatible_with(q.event_shape)
        return q.divergence_from_uniform()

"""Products over elements, and a distribution from a sampler and a log-density."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core.types import Distribution, Tensor

tfd = tfp.distributions


def factors(distribution: Distribution) -> Distribution | None:
    """The distributions of the elements of a `tfd.Independent`; None of any other distribution.

    Args:
        distribution: [batch], [event].

    Returns:
        [batch, event], [].
    """
    # What tfd.Independent makes of a distribution that is no composite tensor is of another class.
    independent = hasattr(distribution, "reinterpreted_batch_ndims")
    elements: Distribution | None = getattr(distribution, "distribution", None) if independent else None
    return None if elements is None or elements.event_shape.rank != 0 else elements


class CustomDistribution(tfd.Distribution):  # type: ignore  # TFP carries no types
    """A distribution that TFP does not have, from two functions.

        def sample(n, seed):
            return loc + scale * tf.random.stateless_normal([n, *loc.shape], seed)

        def log_prob(z):
            return tf.reduce_sum(-0.5 * ((z - loc) / scale) ** 2 - tf.math.log(scale) - 0.9189385, axis=-1)

        return CustomDistribution(sample, log_prob, batch_shape=[], event_shape=loc.shape)

    Args:
        sample: (n, seed) -> float32 [n, *batch, *event]; the seed is a stateless one of shape [2].
        log_prob: x [..., *batch, *event] -> [..., *batch], in nats.
        batch_shape: the batch shape, as integers or as a tensor such as tf.shape(loc)[:-1].
        event_shape: the event shape, as integers.
        mean: () -> [*batch, *event], where there is one.
        reparameterized: whether samples carry gradients to what they depend on.
    """

    def __init__(
        self,
        sample: Callable[[Tensor, Tensor], Tensor],
        log_prob: Callable[[Tensor], Tensor],
        batch_shape: Sequence[int] | Tensor,
        event_shape: Sequence[int] | tf.TensorShape,
        mean: Callable[[], Tensor] | None = None,
        reparameterized: bool = True,
    ) -> None:
        parameters = dict(locals())
        self._sampler, self._density, self._expectation = sample, log_prob, mean
        self._outline = tf.zeros(tf.cast(batch_shape, tf.int32), tf.bool)  # knows its shape, static and dynamic
        self._event = tf.TensorShape(event_shape)
        kind = tfd.FULLY_REPARAMETERIZED if reparameterized else tfd.NOT_REPARAMETERIZED
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=kind,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
        )

    def _batch_shape(self) -> tf.TensorShape:
        return self._outline.shape

    def _batch_shape_tensor(self) -> Tensor:
        return tf.shape(self._outline)

    def _event_shape(self) -> tf.TensorShape:
        return self._event

    def _event_shape_tensor(self) -> Tensor:
        return tf.constant(self._event.as_list(), tf.int32)

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        return self._sampler(n, tfp.random.sanitize_seed(seed))

    def _log_prob(self, value: Tensor) -> Tensor:
        return self._density(value)

    def _mean(self) -> Tensor:
        if self._expectation is None:
            raise NotImplementedError("a CustomDistribution without mean=... has no mean")
        return self._expectation()

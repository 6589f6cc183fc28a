"""A distribution of which one part is another than it should be."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp


class Patched(tfp.distributions.Distribution):
    """`honest` with another sampler, another log-density, or another mean.

    Args:
        honest: the distribution that everything else comes from, of batch shape B and event shape E.
        sample: (n, seed [2]) -> [n, *B, *E].
        log_prob: x [..., *B, *E] -> [..., *B].
        mean: () -> [*B, *E].
    """

    def __init__(
        self,
        honest: Any,
        sample: Callable[[Any, Any], Any] | None = None,
        log_prob: Callable[[Any], Any] | None = None,
        mean: Callable[[], Any] | None = None,
    ) -> None:
        parameters = dict(locals())
        self._honest = honest
        self._sample = sample or (lambda n, seed: honest.sample(n, seed=seed))
        self._density = log_prob or honest.log_prob
        self._expectation = mean or honest.mean
        super().__init__(
            dtype=honest.dtype,
            reparameterization_type=honest.reparameterization_type,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="Patched",
        )

    def _batch_shape(self):
        return self._honest.batch_shape

    def _batch_shape_tensor(self):
        return self._honest.batch_shape_tensor()

    def _event_shape(self):
        return self._honest.event_shape

    def _event_shape_tensor(self):
        return self._honest.event_shape_tensor()

    def _sample_n(self, n, seed=None):
        return self._sample(n, tfp.random.sanitize_seed(seed))

    def _log_prob(self, value):
        return self._density(value)

    def _mean(self):
        return self._expectation()

    def _variance(self):
        return self._honest.variance()

    def _stddev(self):
        return self._honest.stddev()


def normal_noise(n: Any, size: int, seed: Any) -> tf.Tensor:
    """Standard normal draws [n, size]."""
    return tf.random.stateless_normal(tf.stack([n, size]), seed)


def noise_shared_by_rows(honest: Any) -> Patched:
    """A normal [B], [D] whose noise has no batch axis."""
    loc, scale = honest.mean(), honest.stddev()

    def sample(n, seed):
        noise = normal_noise(n, loc.shape[-1], seed)  # [n, D]
        return loc + scale * noise[:, None]

    return Patched(honest, sample=sample)

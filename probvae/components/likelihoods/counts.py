"""Distributions of counts, computed by TensorFlow's own operations.

TensorFlow Probability has functions of its own for the samplers and for the beta function, which are traced again
for each new shape in eager code.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import Distribution, Tensor

tfd = tfp.distributions

log_beta = tfp.math.lbeta.python_function
"""The log of the beta function, without the cancellation of large terms that three lgamma have."""


class PoissonCounts(tfd.Poisson):  # type: ignore  # TFP carries no types
    """A Poisson distribution, in float32."""

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        return _poisson(_shape(n, self), self.rate_parameter(), tfp.random.sanitize_seed(seed))


class NegativeBinomialCounts(tfd.NegativeBinomial):  # type: ignore
    """A negative binomial distribution by its total count and logits, in float32."""

    def _log_prob(self, value: Tensor) -> Tensor:
        r = self.total_count
        log_choose = -log_beta(1 + value, r) - tf.math.log(r + value)
        return log_choose + r * tf.math.log_sigmoid(-self.logits) + value * tf.math.log_sigmoid(self.logits)

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        """Poisson counts whose rates are from a gamma distribution."""
        one, two, three = tfp.random.split_seed(seed, n=3)
        shape, r = _shape(n, self), self.total_count
        # Of r + 1, as the kernel draws other numbers for 1 than for what rounding may make of it.
        gamma = tf.random.stateless_gamma(shape, one, r + 1)
        gamma *= (1 - tf.random.stateless_uniform(shape, two)) ** (1 / r)
        return _poisson(shape, gamma * tf.exp(self.logits), three)


def _shape(n: Tensor, distribution: Distribution) -> Tensor:
    return tf.concat([[n], distribution.batch_shape_tensor()], axis=0)


def _poisson(shape: Tensor, rate: Tensor, seed: Tensor) -> Tensor:
    return tf.random.stateless_poisson(shape, seed, rate, dtype=tf.float32)

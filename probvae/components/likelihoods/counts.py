"""Distributions of counts: parameters, values and log-probabilities are float32.

The log-probability of a large count is a small difference of large terms. They are computed in float64: in float32
it is off by 0.06 nats on average for counts of 100,000, and by 10 for ten million. Draws are by TensorFlow's own
operations: TensorFlow Probability's samplers are traced again for each new shape in eager code.
"""

from __future__ import annotations

import math

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.likelihoods.elementwise import Elementwise
from probvae.components.scales import log_rate
from probvae.core import COUNTS, CustomDistribution, Distribution, Shape, Tensor
from probvae.errors import ConfigError

tfd = tfp.distributions


class Counts(Elementwise):
    """Independent counts by their means, batch [...] and event [*E].

    The means are exp(outputs), or with a library size N, the total of an example, N softmax(outputs), the softmax
    being over all elements: the network says which shares of the total they have. Both are clipped softly to the
    range from e^-30 to e^30.

    Args:
        event_shape: E, the shape of one example.
        outputs_per_element: how many outputs of the network each element takes.
        library_column: whether there is one, as its place in the condition.

    Raises:
        ConfigError: there is a library size, and one element only.
    """

    support = COUNTS

    def __init__(self, event_shape: Shape, outputs_per_element: int, library_column: int | None) -> None:
        super().__init__(event_shape, outputs_per_element)
        if library_column is not None and math.prod(event_shape) < 2:
            raise ConfigError(
                f"{type(self).__name__}: expected examples of several counts, as library_size = true; got "
                f"{list(event_shape)}, whose one count is the total. Leave library_size out."
            )

    def log_means(self, outputs: Tensor, log_size: Tensor = None) -> Tensor:
        """The logarithms of the means from outputs [..., *E], and of the library sizes [...]: [..., *E]."""
        if log_size is None:
            return log_rate(outputs)
        axes = [*range(-self.event_rank, 0)]
        log_shares = outputs - tf.reduce_logsumexp(outputs, axes, keepdims=True)
        shape = tf.concat([tf.shape(log_size), [1] * self.event_rank], axis=0)
        return log_rate(tf.reshape(log_size, shape) + log_shares)


class PoissonCounts(tfd.Poisson):  # type: ignore  # TFP carries no types
    """A Poisson distribution by the logarithm of its mean."""

    def _log_prob(self, value: Tensor) -> Tensor:
        x, log_mean = _float64(value, self.log_rate)
        return tf.cast(x * log_mean - tf.exp(log_mean) - tf.math.lgamma(1 + x), self.dtype)

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        return _poisson(_shape(n, self), self.rate_parameter(), tfp.random.sanitize_seed(seed))


class NegativeBinomialCounts(tfd.NegativeBinomial):  # type: ignore
    """A negative binomial distribution by its total count and logits."""

    def _log_prob(self, value: Tensor) -> Tensor:
        x, r, logits = _float64(value, self.total_count, self.logits)
        log_choose = tf.math.lgamma(r + x) - tf.math.lgamma(r) - tf.math.lgamma(1 + x)
        log_powers = r * tf.math.log_sigmoid(-logits) + x * tf.math.log_sigmoid(logits)
        return tf.cast(log_choose + log_powers, self.dtype)

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        """Poisson counts whose rates are from a gamma distribution."""
        one, other = tfp.random.split_seed(seed)
        shape = _shape(n, self)
        rate = tf.exp(_log_gamma(shape, self.total_count, one) + self.logits)
        return _poisson(shape, rate, other)


class BetaBinomialCounts(tfd.BetaBinomial):  # type: ignore
    """A beta-binomial distribution by its number of trials and two concentrations."""

    def _log_prob(self, value: Tensor) -> Tensor:
        x, n, a, b = _float64(value, self.total_count, self.concentration1, self.concentration0)
        log_choose = -_log_beta(1 + x, 1 + n - x) - tf.math.log(1 + n)
        return tf.cast(log_choose + _log_beta(a + x, b + n - x) - _log_beta(a, b), self.dtype)

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        """Binomial counts whose probability of success is from a beta distribution."""
        one, two, three = tfp.random.split_seed(seed, n=3)
        shape, a, b = _shape(n, self), self.concentration1, self.concentration0
        probability = tf.sigmoid(_log_gamma(shape, a, one) - _log_gamma(shape, b, two))
        return tf.random.stateless_binomial(shape, three, self.total_count, probability, tf.float32)


def zero_inflated(counts: Distribution, logits: Tensor) -> Distribution:
    """Counts that are 0 instead with the probability sigmoid(logits): w [x = 0] + (1 - w) p(x).

    tfd.Inflated computes the weight as sigmoid(2 logits).

    Args:
        counts: p(x): [...], [].
        logits: the log-odds of the weight w, [...].
    """

    def sample(n: Tensor, seed: Tensor) -> Tensor:
        one, other = tfp.random.split_seed(seed)
        x = counts.sample(n, seed=one)  # [n, ...]
        return tf.where(tf.random.stateless_uniform(tf.shape(x), other) < tf.sigmoid(logits), 0.0, x)

    def log_prob(x: Tensor) -> Tensor:
        kept = tf.math.log_sigmoid(-logits) + counts.log_prob(x)
        return tf.where(x == 0, tfp.math.log_add_exp(tf.math.log_sigmoid(logits), kept), kept)

    def mean() -> Tensor:
        return tf.sigmoid(-logits) * counts.mean()

    return CustomDistribution(sample, log_prob, tf.shape(logits), (), mean, reparameterized=False)


def divided(counts: Distribution, by: int) -> Distribution:
    """The distribution of counts that are divided by a number: its probabilities are those of the counts."""
    if by == 1:
        return counts
    return CustomDistribution(
        lambda n, seed: counts.sample(n, seed=seed) / by,
        lambda x: counts.log_prob(tf.round(x * by)),
        counts.batch_shape_tensor(),
        (),
        lambda: counts.mean() / by,
        reparameterized=False,
    )


def _float64(*values: Tensor) -> list[Tensor]:
    return [tf.cast(value, tf.float64) for value in values]


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return tf.math.lgamma(a) + tf.math.lgamma(b) - tf.math.lgamma(a + b)


def _log_gamma(shape: Tensor, concentration: Tensor, seed: Tensor) -> Tensor:
    """The logarithms of draws from gamma distributions, however small the concentrations.

    Each is a draw for the concentration + 1, times a power of a uniform number: for a concentration of 1 and for
    what rounding makes of it the operation draws other numbers.
    """
    one, other = tfp.random.split_seed(seed)
    log_uniform = tf.math.log1p(-tf.random.stateless_uniform(shape, other))
    gamma = tf.random.stateless_gamma(shape, one, concentration + 1)
    return tf.math.log(gamma) + log_uniform / concentration


def _shape(n: Tensor, distribution: Distribution) -> Tensor:
    return tf.concat([[n], distribution.batch_shape_tensor()], axis=0)


def _poisson(shape: Tensor, rate: Tensor, seed: Tensor) -> Tensor:
    return tf.random.stateless_poisson(shape, seed, rate, dtype=tf.float32)

"""The likelihood of 8-bit images whose intensities have several modes."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge

from probvae.components.likelihoods.elementwise import Elementwise
from probvae.components.likelihoods.logistic_levels import Levels, logistic_levels
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import CustomDistribution, Distribution, Shape, Tensor, Values


class DiscretisedLogisticMixture(Elementwise):
    """Independent mixtures of K discretised logistics, of levels evenly from 0 to 1, batch [...] and event [*E].

    p(x|z) = prod_i sum_k softmax(logits_i)_k L(x_i; loc_ik, scale_ik), a probability, with L as in
    `DiscretisedLogistic` (Salimans et al., PixelCNN++, 2017, without the dependence between the channels of a
    pixel). Locations begin evenly from 0 to 1, and scales at 1 / (2 K).

    Args:
        event_shape: E, the shape of one example.
        levels: how many values there are, from 0 to 1.
        components: K, how many logistics are mixed for each element.
    """

    def __init__(self, event_shape: Shape, levels: Levels = 256, components: Annotated[int, Ge(2)] = 5) -> None:
        super().__init__(event_shape, outputs_per_element=3 * components)
        self.levels = levels
        self.components = components
        self.support = Values.levels(levels, divide_by=levels - 1)

    def elements(self, outputs: Tensor) -> Distribution:
        """The elements' distributions from outputs [..., *O]: [..., *E], []."""
        logits, loc, raw = tf.split(self.numbers(outputs), 3, axis=-1)  # [..., *E, K] each
        start = (tf.range(self.components, dtype=tf.float32) + 0.5) / self.components
        scale = softplus_scale(raw + raw_scale(0.5 / self.components))
        logistics = logistic_levels(start + loc, scale, self.levels)
        return _mixture(logits, logistics)


def _mixture(logits: Tensor, components: Distribution) -> Distribution:
    """A mixture over the last axis, of any rank: that of TFP takes five axes on CPUs at most.

    Args:
        logits: [..., K].
        components: [..., K], [].
    """
    log_weights = logits - tf.reduce_logsumexp(logits, axis=-1, keepdims=True)

    def log_prob(x: Tensor) -> Tensor:
        return tf.reduce_logsumexp(log_weights + components.log_prob(x[..., None]), axis=-1)

    def sample(n: Tensor, seed: Tensor) -> Tensor:
        one, other = tfp.random.split_seed(seed)
        x = components.sample(n, seed=one)  # [n, ..., K]
        gumbel = -tf.math.log(-tf.math.log1p(-tf.random.stateless_uniform(tf.shape(x), other)))
        chosen = tf.one_hot(tf.argmax(logits + gumbel, axis=-1), logits.shape[-1])
        return tf.reduce_sum(chosen * x, axis=-1)

    def mean() -> Tensor:
        return tf.reduce_sum(tf.exp(log_weights) * components.mean(), axis=-1)

    return CustomDistribution(sample, log_prob, tf.shape(logits)[:-1], (), mean, reparameterized=False)

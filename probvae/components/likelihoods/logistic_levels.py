"""A logistic distribution in bins around levels."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.core import CustomDistribution, Distribution, Tensor

Levels: TypeAlias = Annotated[int, Ge(2), Le(4096)]


def logistic_levels(loc: Tensor, scale: Tensor, levels: int) -> Distribution:
    """A logistic variable rounded to the nearest of `levels` values, evenly spaced from 0 to 1: [...], [].

    With s the logistic function, and a and b the ends of the bin of x less the location, over the scale,

        log(s(a) - s(b)) = log s(a) + log s(-b) + log(1 - exp(b - a)),

    where no difference of near numbers is taken. The bin of 0 has no lower end, and that of 1 no upper one:
    they get the tails. All is in units of a step, in which single precision holds the ends of bins exactly: the
    probabilities sum to 1 wherever the location is.

    Args:
        loc: locations [...].
        scale: scales above 0, which broadcast to them.
        levels: how many there are.
    """
    last = levels - 1.0
    centre, width = last * loc, last * scale

    def log_prob(x: Tensor) -> Tensor:
        level = tf.round(last * x)
        below_end = tf.math.log_sigmoid((level + 0.5 - centre) / width)
        above_start = tf.math.log_sigmoid((centre - level + 0.5) / width)
        first, final = level < 0.5, level > last - 0.5
        inside = tf.where(first | final, 0.0, tf.math.log(-tf.math.expm1(-1 / width)))
        return tf.where(final, 0.0, below_end) + tf.where(first, 0.0, above_start) + inside

    def sample(n: Tensor, seed: Tensor) -> Tensor:
        x = tfp.distributions.Logistic(centre, width).sample(n, seed=seed)
        return tf.clip_by_value(tf.round(x), 0.0, last) / last

    def mean() -> Tensor:
        """The sum over the levels of the probability of a higher one."""

        def add(total: Tensor, level: Tensor) -> Tensor:
            return total + tf.sigmoid((centre - level - 0.5) / width)

        return tf.foldl(add, tf.range(last), tf.zeros_like(centre)) / last

    return CustomDistribution(sample, log_prob, tf.shape(loc), (), mean, reparameterized=False)

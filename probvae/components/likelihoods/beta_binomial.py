"""The likelihood of counts out of a number of trials, as of 8-bit intensities."""

from __future__ import annotations

import tensorflow as tf

from probvae.components.likelihoods.counts import BetaBinomialCounts, divided
from probvae.components.likelihoods.elementwise import Elementwise
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import Distribution, Positive, Shape, Tensor, Values


class BetaBinomial(Elementwise):
    """Independent beta-binomials of counts 0, 1, ..., trials, batch [...] and event [*E].

    p(x|z) = prod_i binomial(trials, x_i) B(x_i + a_i, trials - x_i + b_i) / B(a_i, b_i), a probability: that of
    a binomial whose probability of success is from a beta distribution (Skellam, 1948; of 8-bit images
    Townsend, Bird and Barber, Practical lossless compression with latent variables, 2019). The concentrations a
    and b are softplus(outputs + raw) + 1e-4, and 1 at the start, where all values are as probable.

    Args:
        event_shape: E, the shape of one example.
        trials: the largest count; 255 for 8-bit images.
        divide_by: what the counts of the data are divided by, as [data] divide_by; 255 for 8-bit images.
    """

    def __init__(self, event_shape: Shape, trials: Positive = 255, divide_by: Positive = 1) -> None:
        super().__init__(event_shape, outputs_per_element=2)
        self.trials = trials
        self.divide_by = divide_by
        self.support = Values.levels(trials + 1, divide_by)

    def elements(self, outputs: Tensor) -> Distribution:
        """The elements' distributions from outputs [..., *O]: [..., *E], []."""
        a, b = (softplus_scale(raw + raw_scale(1.0)) for raw in tf.split(outputs, 2, axis=-1))  # [..., *E] each
        return divided(BetaBinomialCounts(float(self.trials), a, b), self.divide_by)

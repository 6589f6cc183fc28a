"""The likelihood of counts whose variance is their mean."""

from __future__ import annotations

from probvae.components.likelihoods.counts import PoissonCounts
from probvae.components.likelihoods.elementwise import Elementwise
from probvae.components.scales import log_rate
from probvae.core import COUNTS, Distribution, Shape, Tensor


class Poisson(Elementwise):
    """Independent Poisson distributions of counts 0, 1, 2, ..., batch [...] and event [*E].

    log p(x|z) = sum_i x_i log m_i - m_i - log x_i!, the log of a probability, with the means m = exp(outputs),
    clipped softly to the range from e^-30 to e^30.

    Args:
        event_shape: E, the shape of one example.
    """

    support = COUNTS

    def __init__(self, event_shape: Shape) -> None:
        super().__init__(event_shape)

    def elements(self, outputs: Tensor) -> Distribution:
        """The elements' distributions from outputs [..., *E]: [..., *E], []."""
        return PoissonCounts(log_rate=log_rate(outputs))

"""The likelihood of counts whose variance is their mean."""

from __future__ import annotations

from probvae.components.likelihoods.counts import Counts, PoissonCounts
from probvae.core import Distribution, Shape, Tensor


class Poisson(Counts):
    """Independent Poisson distributions of counts 0, 1, 2, ..., batch [...] and event [*E].

    log p(x|z) = sum_i x_i log m_i - m_i - log x_i!, the log of a probability, with the means m = exp(outputs), or
    of data with a library size N, the total of an example, m = N softmax(outputs); clipped softly to the range
    from e^-30 to e^30.

    Args:
        event_shape: E, the shape of one example.
        library_column: the place of the library size in the condition; None if the data has none.

    Raises:
        ConfigError: there is a library size, and one element only.
    """

    def __init__(self, event_shape: Shape, library_column: int | None = None) -> None:
        super().__init__(event_shape, 1, library_column)

    def elements(self, outputs: Tensor, log_size: Tensor = None) -> Distribution:
        """The elements' distributions from outputs [..., *E] and library sizes [...]: [..., *E], []."""
        return PoissonCounts(log_rate=self.log_means(outputs, log_size))

"""The likelihood of counts with more zeros than a negative binomial gives."""

from __future__ import annotations

import tensorflow as tf

from probvae.components.likelihoods.counts import Counts, zero_inflated
from probvae.components.likelihoods.negative_binomial import Dispersion, NegativeBinomial
from probvae.core import Distribution, Shape, Tensor


class ZeroInflatedNegativeBinomial(Counts):
    """Independent zero-inflated negative binomials of counts 0, 1, 2, ..., batch [...] and event [*E].

    p(x|z) = prod_i w_i [x_i = 0] + (1 - w_i) NB(x_i; mean_i, dispersion_i), a probability: with the weight
    w = sigmoid(outputs) a count is dropped, and otherwise it is that of `NegativeBinomial` (Lopez et al., Deep
    generative modeling for single-cell transcriptomics, 2018). The mean of x is (1 - w) times the other mean.

    Args:
        event_shape: E, the shape of one example.
        dispersion: "learned" (one number for each element) or "per_example" (for each element a function of z).
        library_column: the place of the library size in the condition, of which the other mean is a share; None if
            the data has none.

    Raises:
        ConfigError: there is a library size, and one element only.
    """

    def __init__(
        self, event_shape: Shape, dispersion: Dispersion = "learned", library_column: int | None = None
    ) -> None:
        counts = NegativeBinomial(event_shape, dispersion, library_column)
        super().__init__(event_shape, 1 + counts.outputs_per_element, library_column)
        self.counts = counts

    def elements(self, outputs: Tensor, log_size: Tensor = None) -> Distribution:
        """The elements' distributions from outputs [..., *O] and library sizes [...]: [..., *E], []."""
        zero, rest = tf.split(outputs, [outputs.shape[-1] // self.outputs_per_element, -1], axis=-1)
        return zero_inflated(self.counts.elements(rest, log_size), zero)

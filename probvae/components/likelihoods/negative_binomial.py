"""The likelihood of counts that vary more than those of a Poisson distribution."""

from __future__ import annotations

from typing import Literal, TypeAlias

import keras
import tensorflow as tf

from probvae.components.likelihoods.counts import Counts, NegativeBinomialCounts
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import Distribution, Shape, Tensor

Dispersion: TypeAlias = Literal["learned", "per_example"]


class NegativeBinomial(Counts):
    """Independent negative binomials of counts 0, 1, 2, ..., batch [...] and event [*E].

    p(x|z) = prod_i Γ(x_i + r_i) / (Γ(r_i) x_i!) (1 - s_i)^r_i s_i^x_i, a probability, with r = 1 / dispersion and
    s = mean / (mean + r): the variance is mean + dispersion mean². A Poisson distribution is the limit for a
    dispersion of 0. The mean is exp(outputs), or of data with a library size N, the total of an example,
    N softmax(outputs); clipped softly to the range from e^-30 to e^30. The dispersion is softplus(raw + 1e-5) +
    1e-4, and 1 at the start (Hilbe, Negative binomial regression, 2011; for genes Lopez et al., Deep generative
    modeling for single-cell transcriptomics, 2018, who learn 1 / dispersion).

    Args:
        event_shape: E, the shape of one example.
        dispersion: "learned" (one number for each element) or "per_example" (for each element a function of z).
        library_column: the place of the library size in the condition; None if the data has none.

    Raises:
        ConfigError: there is a library size, and one element only.
    """

    def __init__(
        self, event_shape: Shape, dispersion: Dispersion = "learned", library_column: int | None = None
    ) -> None:
        super().__init__(event_shape, 2 if dispersion == "per_example" else 1, library_column)
        self.dispersion = dispersion
        if dispersion == "learned":
            start = keras.initializers.Constant(raw_scale(1.0))
            self.raw_dispersion = self.add_weight(
                shape=tuple(event_shape), initializer=start, name="raw_dispersion"
            )

    def elements(self, outputs: Tensor, log_size: Tensor = None) -> Distribution:
        """The elements' distributions from outputs [..., *O] and library sizes [...]: [..., *E], []."""
        if self.dispersion == "learned":
            raw_mean, raw = outputs, self.raw_dispersion.value  # [..., *E], [*E]
        else:
            raw_mean, raw = tf.split(outputs, 2, axis=-1)  # [..., *E] each
            raw += raw_scale(1.0)
        dispersion = softplus_scale(raw)
        log_odds = self.log_means(raw_mean, log_size) + tf.math.log(dispersion)  # of s: log(mean / r)
        return NegativeBinomialCounts(1 / dispersion, logits=log_odds, require_integer_total_count=False)

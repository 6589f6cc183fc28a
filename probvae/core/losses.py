"""The losses of a batch, and their means."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from probvae.core.types import Tensor

FINAL_STEP = 2**31 - 1
"""The step at which every schedule of an objective has ended: validation is measured there."""


class Losses(NamedTuple):
    """What an objective returns, in nats per example.

    Args:
        per_example: [B], what is minimised; the trainer takes the mean.
        terms: the named parts of it, each [B].
    """

    per_example: Tensor
    terms: dict[str, Tensor]

    def means(self, weights: Tensor | None = None) -> dict[str, Tensor]:
        """The batch means of "loss" and of each term, or sums with weights [B]: scalars, in nats per example."""

        def mean(values: Tensor) -> Tensor:
            return tf.reduce_mean(values) if weights is None else tf.reduce_sum(weights * values)

        return {"loss": mean(self.per_example)} | {name: mean(term) for name, term in self.terms.items()}

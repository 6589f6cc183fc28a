"""What an objective sees of the data."""

from __future__ import annotations

from typing import NamedTuple

from probvae.core.types import Tensor


class Batch(NamedTuple):
    """Some examples, and what the data knows about each of them; what it does not know is None.

    Args:
        x: the examples, float32 [B, *E].
        condition: the conditions c of p(x|c), float32 [B, C]; none if they are labels of which some are missing in
            the data.
        labels: the numbers of their classes, int64 [B]; -1 where a label is missing.
        observed: which elements of x are known, bool [B, *E]; the others are 0 in x.
        rows: their numbers in the training data, int64 [B].
        weights: how much each counts in a mean over the whole batch, float32 [B]: 0 if it is padding. The sum is 1
            over all replicas that share the batch. None if all count the same.
        example: which example a row is of, a number, int32 [B], where several are of one: one row for each class
            that a missing label may be. None if each row is of another example.
    """

    x: Tensor
    condition: Tensor = None
    labels: Tensor = None
    observed: Tensor = None
    rows: Tensor = None
    weights: Tensor = None
    example: Tensor = None

"""Arrays of numbers in double precision, in which checks compute."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


def logsumexp(x: Floats, axis: int = -1) -> Floats:
    """The log of the sum of exponentials over an axis."""
    top = x.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(x - top).sum(axis)) + top.squeeze(axis))

"""The rows of a run's metrics.jsonl as series: the loss and its terms for each epoch. Neither draws nor trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from probvae.core import Array

Rows: TypeAlias = Sequence[Mapping[str, float]]
"""One mapping for each epoch, with "epoch" and, for every term, "train/<term>" and "validation/<term>"."""

SIDES = {"train": "training", "validation": "validation"}
"""The prefix of each split -> its name."""

_NAMES = {
    "kl": "KL divergence",
    "beta": "weight of the KL, β",
    "negative_log_likelihood": "negative log-likelihood",
    "dimension_wise_kl": "dimension-wise KL",
}
_WITHOUT_UNIT = ("beta",)


class Best(NamedTuple):
    """The lowest loss: its split, epoch and value."""

    side: str
    epoch: float
    loss: float


def title(term: str) -> str:
    """The name of a term in words."""
    return _NAMES.get(term, term.replace("_", " "))


def unit(term: str) -> str:
    """The unit of a term; empty if it has none."""
    return "" if term in _WITHOUT_UNIT else "nats per example"


def terms(rows: Rows) -> list[str]:
    """The terms in the order of the rows' keys; the first is the loss."""
    keys = (key.partition("/") for row in rows for key in row)
    return list(dict.fromkeys(term for side, _, term in keys if side in SIDES and term))


def series(rows: Rows, side: str, term: str) -> Array:
    """[epochs], NaN where there is no finite number of float32, as losses are."""
    values = np.array([row.get(f"{side}/{term}", np.nan) for row in rows], np.float64)
    return np.where(np.abs(values) <= np.finfo(np.float32).max, values, np.nan)


def changes(rows: Rows, term: str) -> bool:
    """Whether a term is not constant; the weight of a KL often is."""
    values = np.concatenate([series(rows, side, term) for side in SIDES])
    values = values[np.isfinite(values)]
    return bool(len(values)) and bool(np.ptp(values) > 1e-6 * np.abs(values).max())


def best(rows: Rows) -> Best | None:
    """The lowest loss on validation data, or on training data where there is none."""
    for side in ("validation", "train"):
        loss = series(rows, side, "loss")
        if np.isfinite(loss).any():
            row = int(np.nanargmin(loss))
            return Best(side, rows[row]["epoch"], float(loss[row]))
    return None


def limits(values: Array, keep: float | None = None) -> tuple[float, float]:
    """Limits for all but the first twentieth of the epochs, which is included where it fits.

    A loss often falls by hundreds of nats in the first epochs; later progress would then look flat.

    Args:
        values: [sides, epochs], at least one of them finite.
        keep: a value that is always included.
    """
    late = values[:, values.shape[1] // 20 :]
    late = late if np.isfinite(late).any() else values
    low, high = np.nanmin(late), np.nanmax(late)
    lowest, highest = np.nanmin(values), np.nanmax(values)
    if highest - lowest <= 2.5 * (high - low):
        low, high = lowest, highest
    if keep is not None:
        low, high = min(low, keep), max(high, keep)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return float(low - room), float(high + room)

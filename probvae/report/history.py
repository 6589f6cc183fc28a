"""Training curves: the loss and its terms for each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from probvae.core import Array
from probvae.report.style import COLOURS, FAINT, HAIRLINE, INK, NoPictureError, chart, plain

_SIDES = {"train": ("training", COLOURS[0]), "validation": ("validation", COLOURS[2])}
_NAMES = {"kl": "KL divergence", "beta": "weight of the KL, β"}
_WITHOUT_UNIT = ("beta",)
_MARKED = 30  # up to this number of epochs, each has a marker


class _Best(NamedTuple):
    """The lowest loss: its split, epoch and value."""

    side: str
    epoch: float
    loss: float


def curves(rows: Sequence[Mapping[str, float]]) -> Figure:
    """The loss on training and validation data for each epoch, and those of its terms that are not constant.

    Args:
        rows: one for each epoch, with "epoch" and, for every term, "train/<term>" and "validation/<term>".

    Raises:
        NoPictureError: no epoch has a finite loss.
    """
    best = _best(rows)
    if best is None:
        raise NoPictureError("No epoch with a finite loss has been recorded.")
    terms = [term for term in _terms(rows) if term != "loss" and _changes(rows, term)]
    subtitle = (
        f"Lowest {_SIDES[best.side][0]} loss: {best.loss:,.2f}\u00a0nats per example, after "
        f"epoch\u00a0{best.epoch:,.0f}."
    )
    figure = chart(10 if terms else 6.5, max(3.6, 1.55 * len(terms)), "Training", subtitle)
    grid = figure.add_gridspec(max(1, len(terms)), 2 if terms else 1, width_ratios=(1.7, 1) if terms else None)
    loss = figure.add_subplot(grid[:, 0])
    _panel(loss, rows, "loss", keep=best.loss)
    _mark(loss, best)
    for row, term in enumerate(terms):
        axes = figure.add_subplot(grid[row, 1])
        _panel(axes, rows, term)
        if row < len(terms) - 1:
            axes.set_xlabel("")
    return figure


def _terms(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """The terms in the order of the rows' keys."""
    keys = (key.partition("/") for row in rows for key in row)
    return list(dict.fromkeys(term for side, _, term in keys if side in _SIDES and term))


def _series(rows: Sequence[Mapping[str, float]], side: str, term: str) -> Array:
    """[epochs], NaN where there is no finite number."""
    values = np.array([row.get(f"{side}/{term}", np.nan) for row in rows], np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _changes(rows: Sequence[Mapping[str, float]], term: str) -> bool:
    """Whether a term is not constant; the weight of a KL often is."""
    values = np.concatenate([_series(rows, side, term) for side in _SIDES])
    values = values[np.isfinite(values)]
    return bool(len(values)) and bool(np.ptp(values) > 1e-6 * np.abs(values).max())


def _best(rows: Sequence[Mapping[str, float]]) -> _Best | None:
    """The lowest loss on validation data, or on training data where there is none."""
    for side in ("validation", "train"):
        loss = _series(rows, side, "loss")
        if np.isfinite(loss).any():
            row = int(np.nanargmin(loss))
            return _Best(side, rows[row]["epoch"], float(loss[row]))
    return None


def _panel(axes: Axes, rows: Sequence[Mapping[str, float]], term: str, keep: float | None = None) -> None:
    """One term on both splits; `keep` is a value that must be visible."""
    plain(axes)
    epochs = np.array([row["epoch"] for row in rows], np.float64)
    both = np.stack([_series(rows, side, term) for side in _SIDES])  # [sides, epochs]
    width = 1.6 if len(rows) <= 500 else 0.8
    dot = "o" if len(rows) <= _MARKED else None
    for values, (name, colour) in zip(both, _SIDES.values(), strict=True):
        if np.isfinite(values).any():
            axes.plot(epochs, values, color=colour, lw=width, marker=dot, ms=3.2, label=name)
    axes.set_ylim(*_limits(both, keep))
    room = 0.015 * (epochs[-1] - epochs[0]) or 0.5
    axes.set_xlim(epochs[0] - room, epochs[-1] + room)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color=HAIRLINE, lw=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("epoch")
    axes.set_ylabel("" if term in _WITHOUT_UNIT else "nats per example")
    # A term's name may contain a dollar sign, which is no formula.
    axes.set_title(_NAMES.get(term, term.replace("_", " ")), loc="left", size=10, color=INK, parse_math=False)


def _limits(values: Array, keep: float | None) -> tuple[float, float]:
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


def _mark(axes: Axes, best: _Best) -> None:
    axes.axvline(best.epoch, color=FAINT, lw=0.8, ls=(0, (4, 3)), zorder=1)
    (ring,) = axes.plot(best.epoch, best.loss, "o", zorder=5, label="best epoch")
    ring.set(markersize=7, mfc="white", mec=_SIDES[best.side][1], mew=1.8)
    axes.legend(
        ncols=3, frameon=False, fontsize=9, labelcolor=INK, loc="lower right", bbox_to_anchor=(1.01, 0.99),
        handlelength=1.4, columnspacing=1.4, borderpad=0.2,
    )  # fmt: skip

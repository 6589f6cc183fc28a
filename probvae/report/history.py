"""How training went: the loss and its terms, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from probvae.core import Array
from probvae.report.style import COLOURS, FAINT, HAIRLINE, INK, NoPictureError, chart, plain

_SIDES = {"train": ("training", COLOURS[0]), "validation": ("validation", COLOURS[2])}
_NAMES = {"kl": "KL divergence", "beta": "weight of the KL, β"}
_WITHOUT_UNIT = ("beta",)
_MARKED = 30  # up to this many epochs each has a dot


def curves(rows: Sequence[Mapping[str, float]]) -> Figure:
    """The loss of every epoch on training and validation data, and the terms of it that change.

    Args:
        rows: one for each epoch, with "epoch" and, for every term, "train/<term>" and "validation/<term>".

    Raises:
        NoPictureError: there is no epoch, or no loss.
    """
    terms = _terms(rows)
    if "loss" not in terms:
        raise NoPictureError("No epoch with a loss has been recorded.")
    others = [term for term in terms if term != "loss" and _changes(rows, term)]
    figure = chart(10 if others else 6.5, max(3.6, 1.55 * len(others)), "Training", _subtitle(rows))
    if others:
        grid = figure.add_gridspec(len(others), 2, width_ratios=(1.7, 1))
        _panel(figure.add_subplot(grid[:, 0]), rows, "loss", lowest=True)
        for i, term in enumerate(others):
            axes = figure.add_subplot(grid[i, 1])
            _panel(axes, rows, term)
            if i < len(others) - 1:
                axes.set_xlabel("")
    else:
        _panel(figure.add_subplot(), rows, "loss", lowest=True)
    return figure


def _terms(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """The terms in the order in which the rows name them."""
    keys = (key.partition("/") for row in rows for key in row)
    return list(dict.fromkeys(term for side, _, term in keys if side in _SIDES and term))


def _series(rows: Sequence[Mapping[str, float]], side: str, term: str) -> Array:
    """[epochs], NaN where there is no finite number."""
    values = np.array([row.get(f"{side}/{term}", np.nan) for row in rows], np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _changes(rows: Sequence[Mapping[str, float]], term: str) -> bool:
    """Whether a term is ever another number: the weight of a KL often stays 1, on both sides."""
    values = np.concatenate([_series(rows, side, term) for side in _SIDES])
    values = values[np.isfinite(values)]
    return bool(len(values)) and bool(np.ptp(values) > 1e-6 * np.abs(values).max())


def _best(rows: Sequence[Mapping[str, float]]) -> tuple[str, int] | None:
    """The side and the row with the lowest loss, on validation data where there is some."""
    for side in ("validation", "train"):
        loss = _series(rows, side, "loss")
        if np.isfinite(loss).any():
            return side, int(np.nanargmin(loss))
    return None


def _subtitle(rows: Sequence[Mapping[str, float]]) -> str:
    best = _best(rows)
    if best is None:
        return "No loss was finite."
    side, row = best
    loss = rows[row][f"{side}/loss"]
    name = _SIDES[side][0]
    return f"Lowest {name} loss: {loss:,.2f} nats per example, after epoch {rows[row]['epoch']:,.0f}."


def _panel(axes: Axes, rows: Sequence[Mapping[str, float]], term: str, lowest: bool = False) -> None:
    plain(axes)
    epochs = np.array([row["epoch"] for row in rows], np.float64)
    few = len(rows) <= _MARKED
    for side, (name, colour) in _SIDES.items():
        values = _series(rows, side, term)
        if np.isfinite(values).any():
            width = 1.6 if len(rows) <= 500 else 1.0
            axes.plot(epochs, values, color=colour, lw=width, marker="o" if few else None, ms=3.2, label=name)
    both = np.stack([_series(rows, side, term) for side in _SIDES])  # [sides, epochs]
    if np.isfinite(both).any():
        axes.set_ylim(*limits(both))
    room = 0.015 * (epochs[-1] - epochs[0]) or 0.5
    axes.set_xlim(epochs[0] - room, epochs[-1] + room)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color=HAIRLINE, lw=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("epoch")
    axes.set_ylabel("" if term in _WITHOUT_UNIT else "nats per example")
    # A term's name is anybody's: a dollar sign in it is no formula.
    axes.set_title(_NAMES.get(term, term.replace("_", " ")), loc="left", size=10, color=INK, parse_math=False)
    if lowest:
        _mark_best(axes, rows, epochs)
        axes.legend(
            ncols=3, frameon=False, fontsize=9, labelcolor=INK, loc="lower right",
            bbox_to_anchor=(1.01, 0.99), handlelength=1.4, columnspacing=1.4, borderpad=0.2,
        )  # fmt: skip


def _mark_best(axes: Axes, rows: Sequence[Mapping[str, float]], epochs: Array) -> None:
    best = _best(rows)
    if best is None:
        return
    side, row = best
    loss = rows[row][f"{side}/loss"]
    axes.axvline(epochs[row], color=FAINT, lw=0.8, ls=(0, (4, 3)), zorder=1)
    axes.plot(
        epochs[row], loss, "o", ms=7, mfc="white", mec=_SIDES[side][1], mew=1.8, zorder=5, label="best epoch"
    )


def limits(values: Array) -> tuple[float, float]:
    """Limits that show what happens after the first twentieth of the epochs, and the start where it fits.

    A loss often falls by hundreds of nats in its first epochs, beside which all later progress would be flat.

    Args:
        values: [sides, epochs], at least one of them finite.
    """
    late = values[:, values.shape[1] // 20 :]
    if not np.isfinite(late).any():
        late = values
    low, high = np.nanmin(late), np.nanmax(late)
    lowest, highest = np.nanmin(values), np.nanmax(values)
    if highest - lowest <= 2.5 * (high - low):
        low, high = lowest, highest
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return float(low - room), float(high + room)

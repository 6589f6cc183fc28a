"""Training curves: the loss and its terms for each epoch."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from probvae.report.series import SIDES, Best, Rows, best, changes, limits, series, terms, title, unit
from probvae.report.style import COLOURS, FAINT, HAIRLINE, INK, NoPictureError, chart, plain

_COLOURS = {"train": COLOURS[0], "validation": COLOURS[2]}
_MARKED = 30  # up to this number of epochs, each has a marker


def curves(rows: Rows) -> Figure:
    """The loss on training and validation data for each epoch, and those of its terms that are not constant.

    Args:
        rows: one for each epoch, with "epoch" and, for every term, "train/<term>" and "validation/<term>".

    Raises:
        NoPictureError: no epoch has a finite loss.
    """
    lowest = best(rows)
    if lowest is None:
        raise NoPictureError("No epoch with a finite loss has been recorded.")
    changing = [term for term in terms(rows) if term != "loss" and changes(rows, term)]
    subtitle = (
        f"Lowest {SIDES[lowest.side]} loss: {lowest.loss:,.2f}\u00a0nats per example, after "
        f"epoch\u00a0{lowest.epoch:,.0f}."
    )
    figure = chart(10 if changing else 6.5, max(3.6, 1.55 * len(changing)), "Training", subtitle)
    grid = figure.add_gridspec(
        max(1, len(changing)), 2 if changing else 1, width_ratios=(1.7, 1) if changing else None
    )
    loss = figure.add_subplot(grid[:, 0])
    _panel(loss, rows, "loss", keep=lowest.loss)
    _mark(loss, lowest)
    for row, term in enumerate(changing):
        axes = figure.add_subplot(grid[row, 1])
        _panel(axes, rows, term)
        if row < len(changing) - 1:
            axes.set_xlabel("")
    return figure


def _panel(axes: Axes, rows: Rows, term: str, keep: float | None = None) -> None:
    """One term on both splits; `keep` is a value that must be visible."""
    plain(axes)
    epochs = np.array([row["epoch"] for row in rows], np.float64)
    both = np.stack([series(rows, side, term) for side in SIDES])  # [sides, epochs]
    width = 1.6 if len(rows) <= 500 else 0.8
    dot = "o" if len(rows) <= _MARKED else None
    for values, (side, name) in zip(both, SIDES.items(), strict=True):
        if np.isfinite(values).any():
            axes.plot(epochs, values, color=_COLOURS[side], lw=width, marker=dot, ms=3.2, label=name)
    axes.set_ylim(*limits(both, keep))
    room = 0.015 * (epochs[-1] - epochs[0]) or 0.5
    axes.set_xlim(epochs[0] - room, epochs[-1] + room)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color=HAIRLINE, lw=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit(term))
    # A term's name may contain a dollar sign, which is no formula.
    axes.set_title(title(term), loc="left", size=10, color=INK, parse_math=False)


def _mark(axes: Axes, lowest: Best) -> None:
    axes.axvline(lowest.epoch, color=FAINT, lw=0.8, ls=(0, (4, 3)), zorder=1)
    (ring,) = axes.plot(lowest.epoch, lowest.loss, "o", zorder=5, label="best epoch")
    ring.set(markersize=7, mfc="white", mec=_COLOURS[lowest.side], mew=1.8)
    axes.legend(
        ncols=3, frameon=False, fontsize=9, labelcolor=INK, loc="lower right", bbox_to_anchor=(1.01, 0.99),
        handlelength=1.4, columnspacing=1.4, borderpad=0.2,
    )  # fmt: skip

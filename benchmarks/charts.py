"""The pictures of benchmarks: bars of what was measured, and lines along a size."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from probvae.report.style import COLOURS, FAINT, HAIRLINE, chart

WIDTH = 7.0
BAR, PANEL = 0.27, 0.6  # inches


def bars(title: str, unit: str, panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """A bar for each median, with the range of what it is the median of; those of probvae are coloured.

    Args:
        title: of the figure.
        unit: what is measured.
        panels: the numbers of each bar, by the names of its panel and of its own.
    """
    counts = [len(rows) for rows in panels.values()]
    figure = chart(WIDTH, BAR * sum(counts) + PANEL * len(counts), title, f"{unit}; medians and ranges")
    axes = figure.subplots(len(counts), height_ratios=counts, squeeze=False)[:, 0]
    alone = not any("probvae" in rows for rows in panels.values())
    for axis, (name, rows) in zip(axes, panels.items(), strict=True):
        medians = [statistics.median(numbers) for numbers in rows.values()]
        below = [median - min(numbers) for median, numbers in zip(medians, rows.values(), strict=True)]
        above = [max(numbers) - median for median, numbers in zip(medians, rows.values(), strict=True)]
        colours = [COLOURS[0] if alone or row == "probvae" else HAIRLINE for row in rows]
        axis.barh([row.strip("`") for row in rows], medians, xerr=(below, above), color=colours, ecolor=FAINT)
        axis.invert_yaxis()
        _plain(axis, name)
    return figure


def lines(title: str, unit: str, panels: Mapping[str, Mapping[str, Mapping[float, float]]]) -> Figure:
    """Curves along a size, with logarithmic scales.

    Args:
        title: of the figure.
        unit: what is measured.
        panels: the number at each size, by the names of its panel and of its curve.
    """
    rows = -(-len(panels) // 2)
    columns = min(2, len(panels))
    figure = chart(WIDTH, 2.3 * rows, title, unit)
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axis, (name, curves) in zip(axes, panels.items(), strict=False):
        for colour, (label, points) in zip(COLOURS, curves.items(), strict=False):
            axis.loglog([*points], [*points.values()], "o-", color=colour, label=label, markersize=4)
        axis.grid(color=HAIRLINE, linewidth=0.5)
        axis.yaxis.set_major_formatter("{x:,.16g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        if len(curves) > 1:
            axis.legend(frameon=False, fontsize=8)
        _plain(axis, name)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    return figure


def _plain(axis: Axes, title: str) -> None:
    axis.set_title(title, loc="left", size=9)
    axis.tick_params(labelsize=8, labelleft=True)
    axis.xaxis.set_major_formatter("{x:,.16g}")
    axis.spines[["top", "right"]].set_visible(False)

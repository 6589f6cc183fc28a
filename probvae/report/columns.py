"""Figures of table-like data: each example is a line over its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from probvae.core import Array, DataInfo
from probvae.report.style import COLOURS, FAINT, chart, distinct, plain, side_legend, subscripted
from probvae.report.tiles import shared_range

Cloud: TypeAlias = tuple[str, Array, str]
"""Examples [N, n] of one name and colour: the name, the examples, the colour."""

_ACROSS = 4  # pairs in a row


def column_names(event_shape: Sequence[int], info: DataInfo | None) -> tuple[str, ...]:
    """The names of the elements of an example of shape [n]; x₁, x₂, ... where the data has none."""
    given = info.columns if info else ()
    return distinct(given) or tuple(subscripted("x", number + 1) for number in range(event_shape[0]))


def profiles(title: str, subtitle: str, clouds: Sequence[Cloud], names: Sequence[str]) -> Figure:
    """Rows [N, n] as lines over their columns, under the names of the clouds, in their colours; NaN is a gap."""
    figure = chart(min(4.0 + 0.45 * len(names), 12.0), 3.6, title, subtitle)
    axes = _axes(figure, (1, 1, 1), _known_range(*(rows for _, rows, _ in clouds)), names)
    labels = distinct([name for name, _, _ in clouds])
    for label, (_, rows, colour) in zip(labels, clouds, strict=True):
        _lines(axes, rows, colour, alpha=float(np.clip(20 / len(rows), 0.15, 1)), label=label)
    side_legend(axes)
    return figure


def pairs(title: str, subtitle: str, x: Array, again: Array, names: Sequence[str]) -> Figure:
    """Rows [N, n], in which NaN is a gap, each with its reconstruction in its own axes."""
    across = min(_ACROSS, len(x))
    down = -(-len(x) // across)
    figure = chart(max(across * min(1.2 + 0.18 * len(names), 3.0) + 1.0, 5.0), 1.2 * down + 0.5, title, subtitle)
    scale = _known_range(x, again)
    for number, both in enumerate(zip(x, again, strict=True)):
        axes = _axes(figure, (down, across, number + 1), scale, names)
        for row, colour, label in zip(both, (FAINT, COLOURS[0]), ("data", "model"), strict=True):
            _lines(axes, row[None], colour, alpha=1.0, label=label)
        if number + across < len(x):
            axes.tick_params(labelbottom=False)
            axes.set_xlabel("")
        if number % across:
            axes.tick_params(labelleft=False)
            axes.set_ylabel("")
        if number == across - 1:
            side_legend(axes)
    return figure


def _known_range(*values: Array) -> tuple[float, float]:
    """One range for all values that are not missing."""
    return shared_range(*(known for array in values if (known := array[~np.isnan(array)]).size))


def _axes(figure: Figure, place: tuple[int, int, int], scale: tuple[float, float], names: Sequence[str]) -> Axes:
    axes = plain(figure.add_subplot(*place))
    room = 0.05 * (scale[1] - scale[0])
    axes.set(xlim=(-0.3, len(names) - 0.7), ylim=(scale[0] - room, scale[1] + room), ylabel="value")
    upright = sum(map(len, names)) > 30
    axes.set_xticks(range(len(names)), names, rotation=90 if upright else 0, parse_math=False)
    return axes


def _lines(axes: Axes, rows: Array, colour: str, alpha: float, label: str) -> None:
    places = np.broadcast_to(np.arange(rows.shape[1], dtype=float), rows.shape)
    lines = list(np.stack([places, rows], axis=-1))
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.9, alpha=alpha, label=label))

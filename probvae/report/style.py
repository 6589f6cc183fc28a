"""The common style of all figures. Matplotlib's objects only: no pyplot, no global state."""

from __future__ import annotations

import io
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from probvae.core import Array
from probvae.errors import UserError

COLOURS = (
    # Ten that can be distinguished under colour-vision deficiencies (Petroff, Accessible color sequences, 2021).
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
INK = "#222222"
FAINT = "#6b6b6b"
HAIRLINE = "#c8c8c8"

DPI = 150
LARGEST_FILE = 500_000  # bytes, small enough for a page or a repository

_LONGEST_NAME = 24
_AT_THE_END = 9  # characters of a shortened name
_NO_LABEL = re.compile(r"|_child\d+|_nolegend_")  # of a collection
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_MARGIN = 0.22  # inches
_TITLE = 0.28
_LINE = 0.19


class NoPictureError(UserError):
    """This figure cannot be drawn for this model or data; the message says why."""


def sheet(width: float, height: float, title: str, subtitle: str = "") -> tuple[Figure, float]:
    """An empty figure under a heading.

    Args:
        width: of the figure, in inches.
        height: of the content below the heading, in inches.
        title: title of the figure.
        subtitle: what it was made from; wrapped to the width.

    Returns:
        The figure, and the fraction of its height below the heading.
    """
    lines = textwrap.wrap(subtitle, int(14.2 * (width - 2 * _MARGIN)))
    head = _MARGIN + _TITLE + _LINE * len(lines)
    width, total = (round(inches * DPI) / DPI for inches in (width, height + head))
    figure = Figure((width, total), dpi=DPI, facecolor="white")
    left = _MARGIN / width
    figure.text(left, 1 - _MARGIN / total, title, size=13, weight="bold", color=INK, va="top")
    top = 1 - (_MARGIN + _TITLE) / total
    described = figure.text(left, top, "\n".join(lines), size=9, color=FAINT, va="top", linespacing=1.35)
    described.set_parse_math(False)  # it may have a user's names
    return figure, height / total


def chart(width: float, height: float, title: str, subtitle: str = "") -> Figure:
    """A figure whose axes are laid out automatically below its heading; sizes in inches."""
    figure, share = sheet(width, height, title, subtitle)
    figure.set_layout_engine("constrained", rect=(0.01, 0.01, 0.98, share - 0.02), w_pad=0.06, h_pad=0.06)
    return figure


def plane(title: str, subtitle: str, *points: Array) -> tuple[Figure, Axes]:
    """Axes of equal scales that contain all points [N, 2], in a figure of fitting height."""
    low = np.min([cloud.min(axis=0) for cloud in points], axis=0)
    high = np.max([cloud.max(axis=0) for cloud in points], axis=0)
    room = np.where(high > low, 0.03 * (high - low), 0.5)
    low, high = low - room, high + room
    across, up = high - low
    figure = chart(6.6, 5.4 * float(np.clip(up / across, 0.5, 1.1)), title, subtitle)
    axes = plain(figure.add_subplot(aspect="equal"))
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    return figure, axes


def name_axes(axes: Axes, names: Sequence[str]) -> None:
    """Label the two axes; a dollar sign starts no formula."""
    for axis, name in zip((axes.xaxis, axes.yaxis), names, strict=True):
        axis.label.set_parse_math(False)
        axis.set_label_text(name)


def plain(axes: Axes) -> Axes:
    """Axes with two thin spines and small grey ticks."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(HAIRLINE)
    axes.tick_params(colors=FAINT, labelsize=8, length=3, width=0.6)
    axes.xaxis.label.set(color=INK, size=9)
    axes.yaxis.label.set(color=INK, size=9)
    return axes


def side_legend(axes: Axes, title: str = "") -> None:
    """A legend to the right of the axes, with opaque handles."""
    # By itself, Matplotlib leaves out all labels that begin with "_", as those do that it gives.
    named = {one: label for one in axes.collections if not _NO_LABEL.fullmatch(label := str(one.get_label()))}
    legend = axes.legend(
        list(named), list(named.values()), title=title, title_fontsize=9, frameon=False, fontsize=9,
        labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1), handletextpad=0.4,
    )  # fmt: skip
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
        if isinstance(handle, PathCollection):
            handle.set_sizes([30])
    for text in legend.get_texts():
        text.set_parse_math(False)  # a user's name may contain a dollar sign, which is no formula


def short(name: str) -> str:
    """A user's name, shortened in its middle to fit into a figure."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - _AT_THE_END - 1]}…{name[-_AT_THE_END:]}"


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Users' names, shortened to fit into a figure; from the second of equal ones on, each has its number.

    >>> distinct(["data", "samples", "data"])
    ('data', 'samples', 'data (2)')
    """
    shown, counts = [], Counter[str]()
    for name in map(short, names):
        counts[name] += 1
        shown.append(f"{name} ({counts[name]})" if counts[name] > 1 else name)
    return tuple(shown)


def subscripted(letter: str, number: int) -> str:
    """A letter with a subscript.

    >>> subscripted("z", 12)
    'z₁₂'
    """
    return letter + str(number).translate(_SUBSCRIPTS)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG of at most 500 kB; the resolution is reduced where necessary."""
    dpi = float(DPI)
    while True:
        file = io.BytesIO()
        # Without the program's name and version, equal figures are equal files.
        figure.savefig(file, dpi=dpi, metadata={"Software": None})
        if file.tell() <= LARGEST_FILE or dpi < DPI / 4:
            break
        dpi *= 0.8
    Path(path).write_bytes(file.getvalue())

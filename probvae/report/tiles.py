"""Mosaics: many examples in one figure, as images, heat maps or lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from probvae.core import Array
from probvae.report.style import COLOURS, DPI, FAINT, HAIRLINE, INK, NoPictureError, sheet

Form: TypeAlias = Literal["image", "heat map", "lines", "columns", "points"]

_MOST_LINES = 4
_MOST_COLUMNS = 32  # of a table; a longer vector is a line without names
_RIGHT = 0.22


def form_of(event_shape: Sequence[int]) -> Form:
    """How examples of shape E are drawn.

    Raises:
        NoPictureError: examples of this shape cannot be drawn.
    """
    match tuple(event_shape):
        case (_, _, 1 | 3):
            return "image"
        case (_, channels):
            return "lines" if channels <= _MOST_LINES else "heat map"
        case (2,):
            return "points"
        case (size,) if size > 2:
            return "columns" if size <= _MOST_COLUMNS else "lines"
    raise NoPictureError(
        f"Examples of shape {list(event_shape)} have no picture here. Those of [H, W, 1] and [H, W, 3] "
        "are drawn as images, [2] as points, longer vectors and [length, channels] as lines or heat maps."
    )


def shared_range(*values: Array) -> tuple[float, float]:
    """One range for all values: 0 to 1 where they lie within, else from the lowest to the highest.

    Raises:
        NoPictureError: not all values are finite.
    """
    if not all(np.isfinite(array).all() for array in values):
        raise NoPictureError("The model's outputs are not all finite numbers.")
    low = min(float(array.min()) for array in values)
    high = max(float(array.max()) for array in values)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def range_note(event_shape: Sequence[int], scale: tuple[float, float]) -> str:
    """The range of heights, or of shades where it is not 0 to 1."""
    form = form_of(event_shape)
    if form in ("lines", "columns"):
        return f" Heights go from {scale[0]:.3g} to {scale[1]:.3g}."
    if form == "image" and scale == (0.0, 1.0):
        return ""
    darkest, brightest = ("black", "white") if form == "image" else ("blue", "yellow")
    return f" Shades go from {scale[0]:.3g} ({darkest}) to {scale[1]:.3g} ({brightest})."


def mosaic(
    panels: Sequence[Array],
    title: str,
    subtitle: str,
    width: int = 900,
    gap: int = 2,
    between: float = 0.12,
    left: float = 0.22,
    bottom: float = 0.22,
    colours: Sequence[str] = (COLOURS[0],),
) -> Figure:
    """Panels of tiles, one below the other; in each axes a cell is one unit wide and high, row 0 at the top.

    Args:
        panels: values [rows, columns, *E] each, of which the first has the most columns.
        title: title of the figure.
        subtitle: what it was made from.
        width: largest width of all tiles in pixels; images are scaled by whole numbers where possible.
        gap: white pixels between images, in pixels of the images.
        between: space between panels, in inches.
        left: space for labels at the left, in inches.
        bottom: space for labels below, in inches.
        colours: colours of the lines of each row, repeated, where tiles are lines.
    """
    event_shape = panels[0].shape[2:]
    form, scale = form_of(event_shape), shared_range(*panels)
    rows, columns = sum(len(panel) for panel in panels), panels[0].shape[1]
    cell_width, cell_height = _cell(event_shape, form, gap, rows, columns, width)
    tiles_width = columns * cell_width / DPI
    tiles_height = rows * cell_height / DPI + (len(panels) - 1) * between
    whole_width = max(tiles_width + left + _RIGHT, 5.0)
    note = range_note(event_shape, scale)
    figure, share = sheet(whole_width, 0.1 + tiles_height + bottom, title, subtitle + note)
    top = share * figure.get_figheight() - 0.1
    for panel in panels:
        height, across = len(panel) * cell_height / DPI, panel.shape[1] * cell_width / DPI
        axes = figure.add_axes(_on_pixels(figure, left, top - height, across, height))
        axes.set(xlim=(0, panel.shape[1]), ylim=(len(panel), 0), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.tick_params(colors=FAINT, labelsize=8, length=0)
        if form in ("lines", "columns"):
            _lines(axes, panel, scale, colours)
        else:
            _images(axes, panel, scale, form, gap)
        top -= height + between
    return figure


def _on_pixels(
    figure: Figure, left: float, bottom: float, width: float, height: float
) -> tuple[float, float, float, float]:
    """A box in inches as shares of the figure, its corner on a pixel so that tiles stay sharp."""
    corner = [round(inches * DPI) / DPI for inches in (left, bottom)]
    across, up = figure.get_size_inches()
    return corner[0] / across, corner[1] / up, width / across, height / up


def _cell(
    event_shape: Sequence[int], form: Form, gap: int, rows: int, columns: int, width: int
) -> tuple[float, float]:
    """The width and height of a cell, in pixels of the figure."""
    if form != "image":
        side = width // columns
        return side, side if form == "heat map" else 0.7 * side
    wide, high = event_shape[1] + gap, event_shape[0] + gap
    zoom = min(width / (columns * wide), 1.5 * width / (rows * high))
    if zoom > 1:
        zoom = np.floor(zoom)
    return float(wide * zoom), float(high * zoom)


def _images(axes: Axes, panel: Array, scale: tuple[float, float], form: Form, gap: int) -> None:
    shades = np.clip((panel - scale[0]) / (scale[1] - scale[0]), 0, 1)  # [R, C, H, W(, 1 or 3)]
    if form == "heat map":
        shades = matplotlib.colormaps["cividis"](shades)[..., :3]
    before, after = gap // 2, gap - gap // 2
    around = ((0, 0), (0, 0), (before, after), (before, after), (0, 0))
    shades = np.pad(shades, around, constant_values=1.0)
    rows, columns, height, width, channels = shades.shape
    shades = shades.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)
    shades = np.broadcast_to(shades, (*shades.shape[:2], 3))
    enlarged = axes.bbox.width >= shades.shape[1] - 0.5
    smoothing = "nearest" if enlarged else "auto"  # only downscaled images need smoothing
    axes.imshow(shades, extent=(0, columns, rows, 0), aspect="auto", interpolation=smoothing)


def _lines(axes: Axes, panel: Array, scale: tuple[float, float], colours: Sequence[str]) -> None:
    rows, columns, length = panel.shape[:3]
    channels = panel.reshape(rows, columns, length, -1)  # [R, C, length, channels]
    across = np.linspace(0.08, 0.92, length)
    for row in range(rows):
        for channel in range(channels.shape[-1]):
            height = (channels[row, :, :, channel] - scale[0]) / (scale[1] - scale[0])  # [C, length]
            x = np.arange(columns)[:, None] + across
            segments = np.stack([x, row + 0.92 - 0.84 * height], axis=-1)
            single = channels.shape[-1] == 1
            colour = colours[row % len(colours)] if single else COLOURS[channel]
            axes.add_collection(LineCollection(list(segments), colors=colour, linewidths=0.9))
    axes.hlines(range(rows + 1), 0, columns, color=HAIRLINE, lw=0.5)
    axes.vlines(range(columns + 1), 0, rows, color=HAIRLINE, lw=0.5)


def row_labels(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a panel, at its left."""
    axes.set_yticks(np.arange(len(labels)) + 0.5, labels, parse_math=False)
    axes.tick_params(axis="y", colors=INK, labelsize=8, pad=4)

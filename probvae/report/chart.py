"""Learning curves as the geometry of inline SVG; the page's template writes the elements and their style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from probvae.core import Array
from probvae.report.axis import Axis, Tick
from probvae.report.numbers import plain_number
from probvae.report.series import SIDES, Best, Rows, best, changes, limits, series, terms, title, unit

WIDTH, HEIGHT = 360, 220
"""The units of a chart's coordinate system, about one pixel each."""

LEFT, TOP, RIGHT, BOTTOM = 50, 8, 8, 34
"""The margins around the plotted area."""

_MARKED = 30  # up to this number of epochs, each has a marker
_LONGEST = 500  # the most points of a line, more than a screen shows


@dataclass(frozen=True)
class Line:
    """Numbers for some epochs.

    Args:
        style: the class in the page's style that colours it, as "train".
        parts: the `points` of polylines; several, where numbers are not finite in between.
        dots: where markers are, (x, y).
        radius: of the markers.
    """

    style: str
    parts: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    radius: float = 2.2


@dataclass(frozen=True)
class Mark:
    """A ring around the best epoch, in the colour of a line."""

    style: str
    x: float
    y: float


@dataclass(frozen=True)
class Chart:
    """Numbers against epochs, or against a setting.

    Args:
        title: the term in words.
        unit: of the vertical axis; empty if it has none.
        description: the chart in words, for those who do not see it.
        lines: one for each split, or for each run.
        across: ticks of the horizontal axis, in coordinates of the chart.
        up: ticks of the vertical axis.
        best: the best epoch; None if it is not marked.
        across_title: what the horizontal axis is.
    """

    title: str
    unit: str
    description: str
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    best: Mark | None = None
    across_title: str = "epoch"


def charts(rows: Rows) -> list[Chart]:
    """A chart of the loss, and of each of its terms that is not constant; none if no loss is finite."""
    lowest = best(rows)
    if lowest is None:
        return []
    changing = [term for term in terms(rows) if term != "loss" and changes(rows, term)]
    return [_term(rows, "loss", lowest), *(_term(rows, term) for term in changing)]


def constants(rows: Rows) -> dict[str, float]:
    """The terms that have one value in all epochs, by name in words."""
    constant = [term for term in terms(rows) if term != "loss" and not changes(rows, term)]
    values = {term: np.concatenate([series(rows, side, term) for side in SIDES]) for term in constant}
    return {title(term): float(np.nanmax(found)) for term, found in values.items() if np.isfinite(found).any()}


def compared_losses(runs: Sequence[Rows]) -> Chart | None:
    """The validation losses of several runs, in the styles "run-0", "run-1", ...; None if none is finite."""
    found = [(_epochs(rows), series(rows, "validation", "loss")) for rows in runs]
    lines = {f"run-{number}": line for number, line in enumerate(found) if np.isfinite(line[1]).any()}
    if not lines:
        return None
    lowest = [(best(rows), number) for number, rows in enumerate(runs, 1)]
    text = "; ".join(
        f"run {number}: lowest {plain_number(found.loss)} after epoch {found.epoch:g}"
        for found, number in lowest
        if found
    )
    return _chart("validation loss", unit("loss"), f"Validation loss in nats per example. {text}.", lines)


def _epochs(rows: Rows) -> Array:
    return np.array([row["epoch"] for row in rows], np.float64)


def _term(rows: Rows, term: str, lowest: Best | None = None) -> Chart:
    lines = {side: (_epochs(rows), series(rows, side, term)) for side in SIDES}
    lines = {side: line for side, line in lines.items() if np.isfinite(line[1]).any()}
    description = _described(rows, term, {side: values for side, (_, values) in lines.items()}, lowest)
    return _chart(title(term), unit(term), description, lines, lowest)


def _chart(
    title: str, unit: str, description: str, lines: Mapping[str, tuple[Array, Array]], lowest: Best | None = None
) -> Chart:
    """A chart of lines: style -> (epochs, values)."""
    longest = max(len(values) for _, values in lines.values())
    padded = [np.pad(values, (0, longest - len(values)), constant_values=np.nan) for _, values in lines.values()]
    low, high = limits(np.stack(padded), lowest.loss if lowest else None)
    epochs = np.concatenate([epochs for epochs, _ in lines.values()])
    room = 0.015 * np.ptp(epochs) or 0.5
    across = Axis(epochs.min() - room, epochs.max() + room, LEFT, WIDTH - RIGHT)
    up = Axis(low, high, HEIGHT - BOTTOM, TOP)
    return Chart(
        title,
        unit,
        description,
        tuple(_line(style, across.at(epochs), up.at(values)) for style, (epochs, values) in lines.items()),
        across.ticks(6, whole=True),
        up.ticks(5),
        Mark(lowest.side, float(across.at(lowest.epoch)), float(up.at(lowest.loss))) if lowest else None,
    )


def _line(style: str, across: Array, up: Array) -> Line:
    kept = np.unique(np.linspace(0, len(up) - 1, min(len(up), _LONGEST)).round().astype(int))
    points = [(float(x), float(y)) for x, y in zip(across[kept], up[kept], strict=True)]
    finite = groupby(points, key=lambda point: math.isfinite(point[1]))
    parts = (" ".join(f"{x:g},{y:g}" for x, y in group) for there, group in finite if there)
    dots = [point for point in points if math.isfinite(point[1])] if len(points) <= _MARKED else []
    return Line(style, tuple(parts), tuple(dots))


def _described(rows: Rows, term: str, found: dict[str, Array], lowest: Best | None) -> str:
    first, last = rows[0]["epoch"], rows[-1]["epoch"]
    texts = [f"{title(term)}{f' in {unit(term)}' if unit(term) else ''}, epochs {first:g} to {last:g}."]
    for side, values in found.items():
        finite = values[np.isfinite(values)]
        texts.append(
            f"{SIDES[side]}: {plain_number(finite[0])} at first, {plain_number(finite[-1])} at the end, from "
            f"{plain_number(finite.min())} to {plain_number(finite.max())}."
        )
    if lowest:
        texts.append(
            f"Lowest {SIDES[lowest.side]} loss: {plain_number(lowest.loss)} after epoch {lowest.epoch:g}."
        )
    return " ".join(text[0].upper() + text[1:] for text in texts)

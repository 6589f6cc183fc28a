"""The results of a sweep against each of its parameters, as the geometry of inline SVG."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probvae.core import Array
from probvae.report.axis import Axis, Tick, log_ticks, name_ticks
from probvae.report.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Line
from probvae.report.numbers import plain_number, value_in_words

_LOG = 8.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""

_RADIUS = 3.5
"""Of the markers of runs."""

_FAR = 3.0
"""From this number of interquartile ranges on, a run is far from the others."""

_APART = 24.0
"""The least distance of two ticks at values of a grid; where they are closer, ticks are at round values."""

_LONGEST_NAME = 16  # characters of a tick's label
_TITLES = {"loss": "validation loss", "bound": "bound on log p(x)"}


def marginals(trials: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Chart]:
    """A chart of the loss and one of the bound against each parameter; none where there is one value only.

    Args:
        trials: each with `settings`, `status`, `loss` and `bound`, as those of a sweep.
        keys: the parameters.
    """
    found = [
        _chart(trials, key, measure) for key in keys for measure in _TITLES if _different(trials, key, measure) > 1
    ]
    return [chart for chart in found if chart]


def _different(trials: Sequence[Mapping[str, Any]], key: str, measure: str) -> int:
    measured = [trial for trial in trials if key in trial["settings"] and trial[measure] is not None]
    return len({value_in_words(trial["settings"][key]) for trial in measured})


def _chart(trials: Sequence[Mapping[str, Any]], key: str, measure: str) -> Chart | None:
    shown = {
        status: [
            (trial["settings"][key], float(trial[measure]))
            for trial in trials
            if trial["status"] == status and key in trial["settings"] and trial[measure] is not None
        ]
        for status in ("finished", "pruned")
    }
    if not shown["finished"]:
        return None
    axis, ticks, places = _across([value for points in shown.values() for value, _ in points])
    up = _up(np.array([height for _, height in shown["finished"]]))
    lines = [
        _dots(status, axis.at(np.array([places(value) for value, _ in points])), up, [y for _, y in points])
        for status, points in shown.items()
        if points
    ]
    means = _means(shown["finished"])
    if all(count > 1 for _, _, count in means):  # repetitions, as those of a grid with seeds
        across = axis.at(np.array([places(value) for value, _, _ in means]))
        heights = up.at(np.array([mean for _, mean, _ in means]))
        order = np.argsort(across)
        path = " ".join(f"{across[n]:g},{heights[n]:g}" for n in order)
        lines.insert(0, Line("mean", (path,), ()))
    described = "; ".join(
        f"{value_in_words(value)}: {plain_number(mean)}" + (f" (mean of {count})" if count > 1 else "")
        for value, mean, count in sorted(means, key=lambda one: places(one[0]))
    )
    text = f"{_TITLES[measure]} in nats per example against {key}. {described}."
    return Chart(
        _TITLES[measure],
        "nats per example",
        text[0].upper() + text[1:],
        tuple(lines),
        ticks,
        up.ticks(5),
        across_title=key,
    )


def _up(heights: Array) -> Axis:
    """The vertical axis, on which runs that are far from the others have no place."""
    low, high = np.quantile(heights, (0.25, 0.75))
    reach = _FAR * (high - low) or np.inf
    low, high = max(heights.min(), low - reach), min(heights.max(), high + reach)
    room = 0.08 * (high - low) or 0.5
    return Axis(float(low - room), float(high + room), HEIGHT - BOTTOM, TOP)


def _dots(style: str, across: Array, up: Axis, heights: Sequence[float]) -> Line:
    """Trials as markers; those beyond the axis are at the edge."""
    inside = np.clip(up.at(np.array(heights)), TOP + _RADIUS, HEIGHT - BOTTOM - _RADIUS)
    return Line(style, (), tuple(zip(across.tolist(), inside.tolist(), strict=True)), _RADIUS)


def _means(points: Sequence[tuple[Any, float]]) -> list[tuple[Any, float, int]]:
    """The mean of the trials of each value, and their number."""
    groups: dict[str, tuple[Any, list[float]]] = {}
    for value, height in points:
        groups.setdefault(value_in_words(value), (value, []))[1].append(height)
    return [(value, float(np.mean(heights)), len(heights)) for value, heights in groups.values()]


def _across(values: Sequence[Any]) -> tuple[Axis, tuple[Tick, ...], Any]:
    """The horizontal axis of a parameter's values, its ticks, and the place of a value on it."""
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    if not numeric:
        names = list(dict.fromkeys(map(value_in_words, values)))
        axis = Axis(-0.5, len(names) - 0.5, LEFT, WIDTH - RIGHT)
        shown = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…" for name in names]
        return axis, name_ticks(axis, shown), lambda value: names.index(value_in_words(value))
    low, high = min(values), max(values)
    log = low > 0 and high / low >= _LOG
    ends = (math.log10(low), math.log10(high)) if log else (float(low), float(high))
    room = 0.05 * (ends[1] - ends[0]) or 0.5
    axis = Axis(ends[0] - room, ends[1] + room, LEFT, WIDTH - RIGHT)
    place = math.log10 if log else float
    own = [Tick(float(axis.at(place(value))), f"{value:g}") for value in sorted(set(values))]
    if all(after.at - before.at >= _APART for before, after in itertools.pairwise(own)):
        return axis, tuple(own), place
    whole = all(isinstance(value, int) for value in values)
    return axis, log_ticks(axis) if log else axis.ticks(6, whole=whole), place

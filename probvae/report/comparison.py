"""The comparison of several runs as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probvae.core import Table
from probvae.report.chart import compared_losses
from probvae.report.html import Picture, picture, rendered
from probvae.report.numbers import value_in_words, with_error
from probvae.report.series import Rows

BAR = 160
"""The width of the plot of a difference, in pixels."""

_PICTURES = 4  # the most runs whose samples are shown: a figure has up to 500 kB, a page 3 MB


@dataclass(frozen=True)
class ComparedRun:
    """A run in a comparison, besides its numbers.

    Args:
        spec: the filled spec.
        rows: of metrics.jsonl, one for each epoch.
        figures: the folder of PNG files, which need not exist.
    """

    spec: Table
    rows: Rows
    figures: Path


@dataclass(frozen=True)
class Bar:
    """A difference as a plot: the places of 0, of the value, and of the value ± two standard errors."""

    zero: float
    at: float
    low: float
    high: float


def render_comparison(found: Mapping[str, Any], runs: Sequence[ComparedRun]) -> str:
    """The HTML text of a comparison.

    Args:
        found: `runs`, `differences` of the others from the first, and `notes`, as `probvae.compare` returns them.
        runs: the same runs.
    """
    differences = [difference["importance_weighted"] for difference in found["differences"]]
    return rendered(
        "comparison.html",
        title=f"{len(runs)} runs compared",
        runs=found["runs"],
        differences=[None, *differences],
        bars=[None, *bars(differences)],
        bar=BAR,
        notes=found["notes"],
        losses=compared_losses([run.rows for run in runs]),
        settings=different_settings([run.spec for run in runs]),
        pictures=_pictures(found["runs"], runs),
        with_error=with_error,
    )


def bars(differences: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """The plots of differences, on a common scale that contains 0."""
    ends = [
        (found["value"] - 2 * (found["standard_error"] or 0), found["value"] + 2 * (found["standard_error"] or 0))
        for found in differences
    ]
    low, high = min(0.0, *(end for end, _ in ends)), max(0.0, *(end for _, end in ends))

    def place(value: float) -> float:
        return round(4 + (BAR - 8) * (value - low) / ((high - low) or 1.0), 1)

    return [
        Bar(place(0.0), place(found["value"]), place(start), place(end))
        for found, (start, end) in zip(differences, ends, strict=True)
    ]


def different_settings(specs: Sequence[Table]) -> dict[str, list[str]]:
    """The settings in which specs differ: key path -> the value of each; empty where a spec has no such key."""
    flat = [_flat({key: value for key, value in spec.items() if key != "versions"}) for spec in specs]
    keys = list(dict.fromkeys(key for values in flat for key in values))
    rows = {key: [values.get(key, "") for values in flat] for key in keys}
    return {key: values for key, values in rows.items() if len(set(values)) > 1}


def _flat(table: Mapping[str, object], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        found |= (
            _flat(value, f"{before}{key}.")
            if isinstance(value, dict)
            else {f"{before}{key}": value_in_words(value)}
        )
    return found


def _pictures(rows: Sequence[Mapping[str, Any]], runs: Sequence[ComparedRun]) -> list[Picture]:
    pairs = list(zip(rows, runs, strict=True))[:_PICTURES]
    found = [picture(run.figures / "samples.png", f"Samples of {row['run']}.") for row, run in pairs]
    return [each for each in found if each]

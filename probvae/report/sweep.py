"""The report of a sweep as one HTML file, with links to those of its runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from probvae.core import Table
from probvae.report.html import rendered
from probvae.report.marginals import marginals
from probvae.report.numbers import plain_number, value_in_words, with_error

_SEED = "train.seed"
"""A parameter whose values are repetitions, and have no chart."""


def render_sweep(found: Mapping[str, Any], spec: Table) -> str:
    """The HTML text of a sweep.

    Args:
        found: `folder`, `parameters`, `order`, `trials`, `settings` and `notes`, as in the results of a sweep.
        spec: the spec as written, without the swept settings.
    """
    folder, trials = found["folder"], found["trials"]
    ended = {
        status: [trial for trial in trials if trial["status"] == status]
        for status in ("finished", "pruned", "failed", "running", "interrupted", "waiting")
    }
    keys = [key for key in found["parameters"] if key != _SEED]
    charts, best = marginals(trials, keys), next(iter(ended["finished"]), None)
    return rendered(
        "sweep.html",
        title=Path(folder).name or folder,
        folder=shlex.quote(folder),
        found=found,
        keys=keys,
        first=_first(found),
        best=best,
        best_folder=best and shlex.quote(best["folder"]),
        seeds=shlex.quote(f"{folder}-seeds"),
        counts={status: len(members) for status, members in ended.items() if members},
        without_result=[*ended["failed"], *ended["pruned"]],
        charts=charts,
        means=any(line.style == "mean" for chart in charts for line in chart.lines),
        reports=_links(folder, {trial["number"]: Path(trial["folder"]) / "report.html" for trial in trials}),
        logs=_links(folder, {trial["number"]: Path(trial["log"]) for trial in trials}),
        spec=tomli_w.dumps(spec),
        in_words=_in_words,
        number=plain_number,
        with_error=with_error,
    )


@dataclass(frozen=True)
class _First:
    """The best setting, or the best run where no seeds were swept, in words."""

    settings: Mapping[str, Any]
    loss: str
    about: str
    bound: str
    errors: str


def _first(found: Mapping[str, Any]) -> _First | None:
    for one in found["settings"]:
        if one["loss"]:
            loss, bound = (
                with_error(mean["value"], mean["standard_error"]) if mean else ""
                for mean in (one["loss"], one["bound"])
            )
            seeds = f"mean of {one['trials']} seed{'s' * (one['trials'] != 1)}"
            return _First(one["settings"], loss, seeds, bound, "± its standard error over seeds")
    for trial in found["trials"]:
        if trial["status"] == "finished":
            bound = "" if trial["bound"] is None else with_error(trial["bound"], trial["standard_error"])
            epochs = f"epoch {trial['best_epoch']} of {trial['epochs']}"
            return _First(
                trial["settings"], plain_number(trial["loss"]), epochs, bound, "± its standard error over examples"
            )
    return None


def _links(folder: str, files: Mapping[int, Path]) -> dict[int, str]:
    """The addresses of the files that exist, relative to the sweep's folder, by the numbers of their trials."""
    return {
        number: Path(os.path.relpath(file, folder)).as_posix() for number, file in files.items() if file.is_file()
    }


def _in_words(value: object) -> str:
    """A value of a setting: numbers as in a spec, without commas."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_in_words(inner)}" for key, inner in value.items())
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value_in_words(value)

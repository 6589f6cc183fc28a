"""Several runs on the same data side by side, by the estimates that their evaluations keep for each example."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from probvae.core import Array, Count, Table, from_json
from probvae.errors import UserError
from probvae.evaluation import Bounds, Estimate
from probvae.report.numbers import with_error
from probvae.report.words import table_of
from probvae.runs.compare_with import conditional_note
from probvae.runs.folder import IDENTITY, Run, find_run
from probvae.runs.results import check_new, writing
from probvae.specs import read


@dataclass(frozen=True)
class _Settings:
    samples: Count
    seed: int


@dataclass(frozen=True)
class _Evaluated:
    """What is read of an evaluation.json."""

    settings: _Settings
    measure: Literal["probability", "density"]
    bits_of_seed: bool
    epoch: Count
    parameters: Count
    elbo: Estimate
    importance_weighted: Estimate
    condition: str = ""


@dataclass(frozen=True)
class _Compared:
    """A run with its evaluation and the estimates for each example: [N] by name."""

    run: Run
    found: _Evaluated
    arrays: dict[str, Array]

    @property
    def name(self) -> str:
        return str(self.run.folder)

    @property
    def row(self) -> Table:
        """What the table says of it."""
        epochs = self.run.metrics()
        return {
            "run": self.name,
            "elbo": asdict(self.found.elbo),
            "importance_weighted": asdict(self.found.importance_weighted),
            "samples": self.found.settings.samples,
            "parameters": self.found.parameters,
            "epochs": int(epochs[-1]["epoch"]) if epochs else 0,
            "best_epoch": self.found.epoch,
            "training_seconds": float(sum(row.get("seconds", 0.0) for row in epochs)),
        }


def compare(runs: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str] | None = None) -> Table:
    """Compare the evaluations of runs on the same test data, example by example; no model is computed.

    Of two runs the mean of the differences of their bounds, with its standard error, says more than the two means:
    examples differ from each other by far more than models do.

    Args:
        runs: two or more runs, or their folders. The first is the one that the others are compared with.
        out: a new .png file for a figure of the differences.

    Returns:
        `runs`, a table for each; `differences` of the others from the first, each with an `elbo` and an
        `importance_weighted`; and `notes`, what limits the comparison, in words.

    Raises:
        UserError: there are fewer than two; one has no evaluation with estimates for each example; or the runs are
            of other data, or of other random bits, or one has densities and another probabilities.
    """
    check_new(out, [".png"])
    if len(runs) < 2:
        raise UserError(f"compare: expected two runs or more; got {len(runs)}. Name another.")
    first, *others = (_read(find_run(run)) for run in runs)
    for other in others:
        _check_pair(first, other)
    found = [{"run": other.name, "reference": first.name, **_differences(first, other)} for other in others]
    if out is not None:
        _draw(first, found, Path(out))
    return {
        "runs": [each.row for each in (first, *others)],
        "differences": found,
        "notes": _notes([first, *others], found),
    }


def _read(folder: Path) -> _Compared:
    """A run with its evaluation.

    Raises:
        UserError: it has none, or one without the estimates for each example.
    """
    run = Run(folder, read(folder).tables)
    samples = table_of(run.evaluation(), "settings").get("samples", 100)
    fix = f"Make it with `probvae evaluate {folder} --samples {samples}`."
    try:
        text = run.evaluation_file.read_bytes()
        found, record = from_json(_Evaluated, text), json.loads(text)
        with run.example_evaluation_file.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
        of = json.loads(str(arrays["evaluation"]))
        if of != {name: record[name] for name in IDENTITY}:
            raise ValueError("it is of another evaluation than evaluation.json")
        if any(arrays[name].shape != (found.elbo.examples,) for name in (*Bounds._fields, "row")):
            raise ValueError("it has another number of examples than evaluation.json")
        for name in Bounds._fields:
            if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
                raise ValueError(f"{name} is not finite")
    except (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{run.example_evaluation_file}: expected the estimates of an evaluation for each example; got none "
            f"({error}). {fix}"
        ) from error
    return _Compared(run, found, arrays)


def _check_pair(one: _Compared, other: _Compared) -> None:
    """Check that two evaluations are of the same examples, and of the same measure.

    Raises:
        UserError: they are not.
    """
    expected = f"compare: expected runs on the data of {one.name}; got {other.name}"
    if differences := one.run.environment.data.differences(other.run.environment.data):
        raise UserError(f"{expected}: {'; '.join(differences)}. Compare runs on the same data.")
    if one.found.measure != other.found.measure:
        raise UserError(
            f"compare: expected runs whose likelihood is a {one.found.measure}, as that of {one.name}; got "
            f"{other.name}, whose likelihood is a {other.found.measure}. Compare densities with densities, and "
            "probabilities with probabilities."
        )
    if one.found.bits_of_seed and one.found.settings.seed != other.found.settings.seed:
        raise UserError(
            f"{expected}, whose test images are binarised with evaluate.seed = {other.found.settings.seed}, not "
            f"{one.found.settings.seed}. Evaluate one of them with the seed of the other: --seed."
        )
    if not np.array_equal(one.arrays["row"], other.arrays["row"]):
        raise UserError(f"{expected} examples are others. Evaluate both on the same ones.")


def _differences(first: _Compared, other: _Compared) -> Table:
    """By how much the bounds of a run are above those of the first, in nats per example."""
    samples = min(first.found.settings.samples, other.found.settings.samples)
    return {
        name: asdict(Estimate.of(other.arrays[name] - first.arrays[name], None, samples))
        for name in Bounds._fields
    }


def _notes(runs: Sequence[_Compared], differences: Sequence[Table]) -> list[str]:
    notes = []
    for found in differences:
        value, error = (found["importance_weighted"][key] for key in ("value", "standard_error"))
        shown = with_error(value, error)
        if error is None:
            notes.append(f"{found['run']}: the difference, {shown} nats, is that of one example: it has no error")
        elif abs(value) < 2 * error:
            notes.append(f"{found['run']}: the difference, {shown} nats, is smaller than twice its standard error")
    if len({each.found.settings.samples for each in runs}) > 1:
        notes.append("the numbers of samples differ: more samples make a higher bound; evaluate with the same")
    if len({bool(each.found.condition) for each in runs}) > 1:
        conditional = ", ".join(each.name for each in runs if each.found.condition)
        notes.append(conditional_note(conditional))
    notes.append("each run is one training: errors are over the examples, and say nothing about other seeds")
    return notes


def _draw(first: _Compared, differences: Sequence[Table], path: Path) -> None:
    from probvae.report import run_differences, save

    bounds = [found["importance_weighted"] for found in differences]
    figure = run_differences(
        [found["run"] for found in differences],
        [bound["value"] for bound in bounds],
        [bound["standard_error"] or 0.0 for bound in bounds],
        first.name,
    )
    with writing(path) as place:
        save(figure, place)

"""The results of a sweep: its trials, the best first, and its settings, each with its seeds joined."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from probvae.core import Table
from probvae.errors import UserError
from probvae.report.numbers import with_error
from probvae.runs.folder import Run
from probvae.runs.listing import Listed, list_run
from probvae.runs.sweeps.definition import SEED, Definition, of_the_loss
from probvae.runs.sweeps.source import Record, Source

Status: TypeAlias = Literal["finished", "pruned", "failed", "running", "interrupted", "waiting"]


@dataclass(frozen=True)
class Trial:
    """A setting and its training.

    Args:
        number: from 0, in the order of the sweep.
        settings: the values of the swept parameters, by key.
        folder: of its run, which need not exist on this machine.
        log: the file of what its training prints.
        status: "finished"; "pruned" by a search; "failed"; "running", while a process trains it; "interrupted",
            and resumed by the command of the sweep; or "waiting".
        reason: why it was pruned or failed; empty otherwise.
        epochs: the number of finished epochs.
        best_epoch: that of the lowest validation loss; None before the first.
        loss: that loss, in nats per example.
        bound: the importance-weighted bound on log p(x) of the test data, in nats per example, if it is evaluated.
        standard_error: of that bound, over the test examples.
    """

    number: int
    settings: Table
    folder: str
    log: str
    status: Status
    reason: str
    epochs: int
    best_epoch: int | None
    loss: float | None
    bound: float | None
    standard_error: float | None


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Args:
        value: the mean, in nats per example.
        standard_error: of the mean, over the seeds; None of fewer than two.
    """

    value: float
    standard_error: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean | None:
        """The mean of some values; None of none."""
        if not values:
            return None
        error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None
        return cls(float(np.mean(values)), error)


@dataclass(frozen=True)
class Setting:
    """The finished trials of a setting, which differ in their seed only.

    Args:
        settings: the values of the swept parameters, without the seed.
        trials: how many are finished.
        loss: the lowest validation loss, in nats per example; None if none is finished.
        bound: the importance-weighted bound on log p(x) of the test data; None if none is evaluated.
    """

    settings: Table
    trials: int
    loss: Mean | None
    bound: Mean | None


@dataclass(frozen=True)
class Sweep:
    """A sweep and its results.

    Args:
        folder: its path.
        parameters: the keys of the swept parameters.
        order: what trials and settings are sorted by: the lowest "loss", or the highest "log p(x)".
        trials: the best first; those without a result follow.
        settings: the trials with their seeds joined, if the seed was swept; the best first.
        notes: what limits the comparison, in words.
    """

    folder: str
    parameters: list[str]
    order: Literal["loss", "log p(x)"]
    trials: list[Trial]
    settings: list[Setting]
    notes: list[str]

    @property
    def best(self) -> Trial | None:
        """The best finished trial."""
        return self.trials[0] if self.trials and self.trials[0].status == "finished" else None

    def count(self, status: Status) -> int:
        """How many trials have a status."""
        return sum(trial.status == status for trial in self.trials)


def results(folder: Path, definition: Definition, source: Source) -> Sweep:
    """The results of a sweep so far, from the folders of its runs and what the source knows of them.

    Args:
        folder: of the sweep.
        definition: of the sweep.
        source: of its trials.
    """
    by_loss = definition.comparable
    trials = sorted(
        map(_trial, source.records()),
        key=lambda trial: (
            trial.status != "finished",
            _rank(trial.loss if by_loss else trial.bound, by_loss),
            trial.number,
        ),
    )
    settings = _settings(trials) if SEED in definition.over else []
    settings.sort(key=lambda one: _rank(one.loss if by_loss else one.bound, by_loss))
    order: Literal["loss", "log p(x)"] = "loss" if by_loss else "log p(x)"
    return Sweep(str(folder), definition.keys, order, trials, settings, _notes(definition, trials, settings))


def _closeness(settings: Sequence[Setting], by_loss: bool) -> list[str]:
    """Whether the difference of the best two settings is within its error."""
    means = [one.loss if by_loss else one.bound for one in settings[:2]]
    known = [mean for mean in means if mean and mean.standard_error is not None]
    if len(known) < 2:
        return []
    first, second = known
    error = math.hypot(first.standard_error or 0.0, second.standard_error or 0.0)
    difference = abs(first.value - second.value)
    if difference >= 2 * error:
        return []
    return [
        f"the difference of the best two settings, {with_error(difference, error)} nats, is smaller than twice "
        "its standard error"
    ]


def _rank(number: float | Mean | None, lowest_first: bool) -> float:
    """What sorts a number among others; None comes last."""
    if number is None:
        return math.inf
    value = number.value if isinstance(number, Mean) else number
    return value if lowest_first else -value


def _trial(record: Record) -> Trial:
    there = all((record.folder / name).is_file() for name in ("spec.toml", "environment.json"))
    run = list_run(record.folder) if there else None
    loss = run.best_loss if run and run.best_loss is not None else record.loss
    return Trial(
        number=record.number,
        settings=record.settings,
        folder=str(record.folder),
        log=str(record.log),
        status=record.ended or _unfinished(record, run),
        reason=record.reason or (run.problem if run and not record.ended else ""),
        epochs=run.epochs if run else 0,
        best_epoch=run.best_epoch if run else None,
        loss=loss,
        bound=run.bound if run else None,
        standard_error=run.standard_error if run else None,
    )


def _unfinished(record: Record, run: Listed | None) -> Status:
    if run and run.status == "running":
        return "running"
    if record.begun and not record.folder.exists():  # on another machine
        return "running"
    return "interrupted" if run or record.begun else "waiting"


def _settings(trials: Sequence[Trial]) -> list[Setting]:
    """The trials with those joined that differ in their seed only."""
    groups: dict[str, tuple[Table, list[Trial]]] = {}
    for trial in trials:
        settings: dict[str, Any] = {key: value for key, value in trial.settings.items() if key != SEED}
        groups.setdefault(json.dumps(settings, sort_keys=True), (settings, []))[1].append(trial)
    found = []
    for settings, members in groups.values():
        finished = [trial for trial in members if trial.status == "finished"]
        losses = [trial.loss for trial in finished if trial.loss is not None]
        bounds = [trial.bound for trial in finished if trial.bound is not None]
        found.append(Setting(settings, len(finished), Mean.of(losses), Mean.of(bounds)))
    return found


def _notes(definition: Definition, trials: Sequence[Trial], settings: Sequence[Setting]) -> list[str]:
    notes = []
    for changed, meaning, advice in (
        ("objective", "the loss is", ": compare log p(x)"),
        ("data", "the loss and log p(x) are", ", unless the test data is the same"),
        (
            "model.decoder.likelihood.use",
            "the loss and log p(x) are",
            ", unless all likelihoods are densities, or all are probabilities",
        ),
    ):
        if keys := [key for key in definition.keys if of_the_loss(key) == changed]:
            notes.append(f"with another value of {', '.join(keys)} {meaning} another quantity{advice}")
    if not any(of_the_loss(key) == "data" for key in definition.keys) and len(_fingerprints(trials)) > 1:
        notes.append(
            "the data changed between the trainings, whose losses and log p(x) are not comparable: train all of "
            "them in a new folder"
        )
    notes += _closeness(settings, definition.comparable)
    if SEED in definition.over:
        notes.append("the errors of settings are standard errors of the mean over seeds")
    elif any(trial.bound is not None for trial in trials):
        notes.append(
            "each setting is one training: errors are over the test examples, and say nothing about other seeds"
        )
    if definition.search and any(trial.status == "finished" for trial in trials):
        notes.append("the best of many trials looks better than it is: train it again with other seeds")
    return notes


def _fingerprints(trials: Sequence[Trial]) -> set[str]:
    """Those of the data of the finished trials on this machine."""
    found = set()
    for trial in trials:
        if trial.status == "finished":
            with suppress(UserError):  # of a damaged run
                found.add(Run(Path(trial.folder), {}).environment.data.fingerprint)
    return found

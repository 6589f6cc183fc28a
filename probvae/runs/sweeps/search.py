"""A search by Optuna: each trial is chosen by the results so far. Its state is in Optuna's own storage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from probvae.core import Table
from probvae.errors import UserError
from probvae.runs.folder import differences
from probvae.runs.sweeps.definition import Definition
from probvae.runs.sweeps.pruning import Pruning
from probvae.runs.sweeps.ranges import Interval, folder_name
from probvae.runs.sweeps.source import RUNS, Ended, Record, Source, Taken, claimed
from probvae.runs.sweeps.storage import Optuna, open_study, optuna

JOURNAL = "study.journal"

_DEFINITION, _REASON = "probvae", "reason"
"""Attributes of a study and of a trial."""


class Search(Source):
    """The trials of a search: TPE chooses their settings, and the median of others prunes them.

    The settings of trial n are a function of the spec's seed, of n and of the results before it.

    Args:
        folder: of the sweep.
        definition: of the sweep, which has values or intervals to search.
        storage: where the study is: a URL of Optuna's, a journal file, or "" for a journal file in the folder.

    Raises:
        UserError: Optuna is not installed, or the storage cannot be used or has another study of that name.
    """

    def __init__(self, folder: Path, definition: Definition, storage: str = "") -> None:
        self.total = definition.trials
        self._optuna = optuna()
        self._folder = folder
        self._definition = definition
        self._own = not storage  # then every trial's folder is in this one
        pruner = self._optuna.pruners.MedianPruner()
        name = folder.resolve().name
        # The journal in the folder goes with it when it is renamed.
        self._study = open_study(storage or str(folder / JOURNAL), name, pruner, alone=self._own)
        self._check_study()

    def _check_study(self) -> None:
        """Give a new study the definition of this sweep, or check that it has that.

        Raises:
            UserError: it has another one.
        """
        before = self._study.user_attrs.get(_DEFINITION)
        now = json.loads(json.dumps({"search": asdict(self._definition)["search"]}))
        if before is None:
            self._study.set_user_attr(_DEFINITION, now)
        elif changed := differences(before, now, []):
            key, old, new = changed[0]
            raise UserError(
                f"--storage {self._definition.storage}: the study {self._study.study_name!r} there is of another "
                f"sweep: {key} is {old!r} there and {new!r} here. Choose another folder name with --out."
            )

    def records(self) -> list[Record]:
        """All trials of the study, those of other machines included."""
        return [self._record(trial) for trial in self._study.get_trials(deepcopy=False)]

    def take(self) -> Taken | None:
        """A trial of a process that was killed, or else a new one; None if there are enough."""
        states = self._optuna.trial.TrialState
        with FileLock(self._folder / ".ask.lock"):
            for frozen in self._study.get_trials(deepcopy=False, states=[states.RUNNING]):
                if taken := self._taken(frozen, new=False):
                    return taken
            while len(self._study.get_trials(deepcopy=False)) < self.total:
                number = self._study.ask().number
                if taken := self._taken(self._study.get_trials(deepcopy=False)[number], new=True):
                    return taken
        return None

    def _taken(self, frozen: Optuna, new: bool) -> Taken | None:
        """A running trial of the study, if nobody else trains it."""
        if not (new or self._own or self._record(frozen).folder.exists()):  # another machine has its folder
            return None
        trial = self._optuna.trial.Trial(self._study, frozen._trial_id)  # as Optuna itself continues with one
        settings = self._settings(trial)
        folder = self._folder / RUNS / folder_name(frozen.number, settings)
        if not (claim := claimed(folder)):
            return None
        if self._study.get_trials(deepcopy=False)[frozen.number].state.is_finished():  # before the claim
            claim.release()
            return None

        def end(ended: Ended, reason: str, loss: float | None) -> None:
            if reason:
                trial.set_user_attr(_REASON, reason)
            states = self._optuna.trial.TrialState
            state = {"finished": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[ended]
            self._study.tell(frozen.number, loss if ended == "finished" else None, state=state)

        record = Record(frozen.number, settings, folder)
        return Taken(record, claim, end, [Pruning(trial, set(frozen.intermediate_values))])

    def _settings(self, trial: Optuna) -> Table:
        """The settings of a trial, those chosen before included."""
        first = int(self._definition.spec.get("train", {}).get("seed", 0))
        seed = np.random.SeedSequence([first, trial.number]).generate_state(1)
        self._study.sampler = self._optuna.samplers.TPESampler(seed=int(seed[0]))
        found: Table = {}
        for key, given in self._definition.search.items():
            if isinstance(given, Interval):
                suggest = trial.suggest_int if given.whole else trial.suggest_float
                found[key] = suggest(key, given.low, given.high, log=given.log)
            else:
                found[key] = _value(given, trial.suggest_categorical(key, [_choice(value) for value in given]))
        return found

    def _record(self, frozen: Optuna) -> Record:
        states = self._optuna.trial.TrialState
        settings = {
            key: frozen.params[key] if isinstance(given, Interval) else _value(given, frozen.params[key])
            for key, given in self._definition.search.items()
            if key in frozen.params
        }
        ended: Mapping[Optuna, Ended] = {
            states.COMPLETE: "finished",
            states.PRUNED: "pruned",
            states.FAIL: "failed",
        }
        losses = [*frozen.intermediate_values.values()]
        return Record(
            frozen.number,
            settings,
            self._folder / RUNS / folder_name(frozen.number, settings),
            ended.get(frozen.state),
            frozen.user_attrs.get(_REASON, ""),
            frozen.value if frozen.state == states.COMPLETE else min(losses, default=None),
            begun=True,
        )


def _choice(value: object) -> object:
    """A value as Optuna can hold it: lists and tables as JSON."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _value(values: list[Any], choice: object) -> Any:
    """The value of a choice."""
    return next(value for value in values if _choice(value) == choice)

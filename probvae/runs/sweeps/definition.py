"""What a sweep is: a spec, and the values that some of its parameters take, as its folder keeps them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from probvae.core import Table, from_json
from probvae.errors import UserError
from probvae.registry import Registry
from probvae.runs.folder import differences, write
from probvae.runs.loading import read_plan
from probvae.runs.sweeps.ranges import Interval
from probvae.specs import Plan, setting

FILE = "sweep.json"
SEED = "train.seed"
"""The parameter whose values are repetitions of a setting."""

TRIALS = 30
"""How many trials a search has by default."""

OF_THE_LOSS = ("objective", "data", "model.decoder.likelihood.use")
"""What decides what the loss measures: two tables, and the name of the likelihood, a density or a probability."""

_SECRET = re.compile(r"([?&][^?&=]*(?:password|passwd|pwd|secret|token|odbc_connect)[^?&=]*=)[^&]*", re.IGNORECASE)
"""A parameter of a URL that is or contains a password: its name, before its value."""


@dataclass(frozen=True)
class Definition:
    """What a sweep trains.

    Args:
        spec: the spec as written, with absolute paths.
        plugins: the files that are loaded as plugins.
        over: of a grid: the values by key.
        search: of a search: the values to choose from, or the interval, by key.
        storage: of a search: where its study is, without its password; "" for a file in the folder.
        trials: of a search: how many trials it has; 0 of a grid, or if that is not said.

    Raises:
        UserError: it has no values.
    """

    spec: Table
    plugins: list[str]
    over: dict[str, list[Any]] = field(default_factory=dict)
    search: dict[str, list[Any] | Interval] = field(default_factory=dict)
    storage: str = ""
    trials: int = 0

    def __post_init__(self) -> None:
        if not self.keys:
            raise UserError("expected parameters to sweep; got none.")

    @property
    def keys(self) -> list[str]:
        """The parameters that are swept."""
        return [*self.over, *self.search]

    @property
    def comparable(self) -> bool:
        """Whether the losses of all settings are the same quantity."""
        return not any(map(of_the_loss, self.keys))

    def points(self) -> list[Table]:
        """The settings of a grid, the last key running fastest."""
        return [dict(zip(self.over, values, strict=True)) for values in itertools.product(*self.over.values())]

    def samples(self) -> Iterator[Table]:
        """All settings of a grid; of a search, some that together have every value and both ends of intervals."""
        return iter(self.points()) if self.over else self.covering()

    def covering(self) -> Iterator[Table]:
        """Few settings that together have every value, and both ends of every interval."""
        values = {
            key: [given.low, given.high] if isinstance(given, Interval) else given
            for key, given in {**self.over, **self.search}.items()
        }
        for number in range(max(map(len, values.values()))):
            yield {key: listed[number % len(listed)] for key, listed in values.items()}

    def settings_of(self, point: Mapping[str, object]) -> list[str]:
        """The overrides of the spec at a point."""
        return [setting(key, value) for key, value in point.items()]

    def plan(self, point: Mapping[str, object], registry: Registry) -> Plan:
        """The checked plan of a point.

        Raises:
            SpecError: with all problems of the spec with these settings.
        """
        return read_plan(self.spec, self.settings_of(point), self.plugins, registry, needs_data=True)


def of_the_loss(key: str) -> str:
    """The one of OF_THE_LOSS that a key changes, as a part of it or as a table around it; "" if none."""
    around = (one for one in OF_THE_LOSS if f"{key}.".startswith(f"{one}.") or one.startswith(f"{key}."))
    return next(around, "")


def without_password(storage: str) -> str:
    """The address of a storage with the password of its user, and those among its parameters, left out."""
    if "://" not in storage:
        return storage  # a file
    masked = _SECRET.sub(r"\1***", storage)
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", masked)  # a password may have @ and / in it


def is_sweep(folder: object) -> bool:
    """Whether a path is the folder of a sweep."""
    return isinstance(folder, (str, Path)) and (Path(folder) / FILE).is_file()


def read_definition(folder: Path) -> Definition:
    """The definition of the sweep in a folder.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        return from_json(Definition, (folder / FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder / FILE}: expected the definition of a sweep; got another file ({error}). Choose another "
            "folder with --out."
        ) from error


def enter(folder: Path, definition: Definition) -> Definition:
    """Make the folder of a sweep, or check that it is that of the same sweep, whose number of trials may change.

    Returns:
        The definition in the folder, where there is one: the order of its keys numbers the trials. It has the new
        number of trials, or where that is 0 the number of before or the default.

    Raises:
        UserError: it belongs to another sweep, holds something else, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):  # two machines may start at once
            before = _definition_before(folder, definition)
            trials = definition.trials or (before.trials if before else TRIALS if definition.search else 0)
            definition = replace(before or definition, trials=trials)
            if definition != before:
                write(folder / FILE, json.dumps(asdict(definition), indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}. Choose another folder with --out.") from error
    return definition


def _definition_before(folder: Path, definition: Definition) -> Definition | None:
    """The definition in a folder, which is that of the same sweep; None in an empty one.

    Raises:
        UserError: it is that of another sweep, or the folder holds something else.
    """
    if not is_sweep(folder):
        if any(folder.glob("[!.]*")):
            raise UserError(
                f"{folder}: expected a new folder, or that of a sweep; got one with other files. Choose another "
                "with --out."
            )
        return None
    before = read_definition(folder)
    then, now = (json.loads(json.dumps(asdict(one))) for one in (before, definition))
    changed = [
        f"{path} is {old!r} there and {new!r} here" for path, old, new in differences(then, now, ["trials"])
    ]
    if changed:
        raise UserError(
            f"{folder} belongs to another sweep: {'; '.join(changed)}. Choose another folder with --out."
        )
    return before

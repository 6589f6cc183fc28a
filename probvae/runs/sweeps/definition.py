"""What a sweep is: a spec, and the values that some of its parameters take. Kept in its folder, checked first."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from probvae.core import Table, from_json
from probvae.errors import Problem, SpecError, UserError
from probvae.registry import Registry
from probvae.runs.folder import differences, write
from probvae.runs.loading import Spec, prepare, read_plan
from probvae.runs.sweeps.ranges import Interval, Values, as_setting, described
from probvae.specs import Plan

FILE = "sweep.json"
SEED = "train.seed"
"""The parameter whose values are repetitions of a setting."""

TRIALS = 30
"""How many trials a search has by default."""

_OF_THE_LOSS = ("objective.", "data.")
"""The beginnings of keys that change what the loss measures."""


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
    """

    spec: Table
    plugins: list[str]
    over: dict[str, list[Any]] = field(default_factory=dict)
    search: dict[str, list[Any] | Interval] = field(default_factory=dict)
    storage: str = ""
    trials: int = 0

    @property
    def keys(self) -> list[str]:
        """The parameters that are swept."""
        return [*self.over, *self.search]

    @property
    def comparable(self) -> bool:
        """Whether the losses of all settings are the same quantity."""
        return not any(key.startswith(_OF_THE_LOSS) for key in self.keys)

    def points(self) -> list[Table]:
        """The settings of a grid, the last key running fastest."""
        return [dict(zip(self.over, values, strict=True)) for values in itertools.product(*self.over.values())]

    def samples(self) -> Iterator[Table]:
        """Some settings that together have every value to choose from, and both ends of every interval."""
        if self.over:
            yield from self.points()
            return
        values = {
            key: [given.low, given.high] if isinstance(given, Interval) else given
            for key, given in self.search.items()
        }
        for number in range(max(map(len, values.values()))):
            yield {key: listed[number % len(listed)] for key, listed in values.items()}

    def settings_of(self, point: Mapping[str, object]) -> list[str]:
        """The overrides of the spec at a point."""
        return [as_setting(key, value) for key, value in point.items()]

    def plan(self, point: Mapping[str, object], registry: Registry) -> Plan:
        """The checked plan of a point.

        Raises:
            SpecError: with all problems of the spec with these settings.
        """
        return read_plan(self.spec, self.settings_of(point), self.plugins, registry, needs_data=True)


def define(
    spec: Spec,
    over: Mapping[str, Iterable[Any]],
    search: Mapping[str, Iterable[Any] | Interval],
    overrides: Sequence[str],
    plugins: Sequence[str | Path],
    storage: str,
    registry: Registry,
    given: object = None,
) -> Definition:
    """The definition of a sweep; every point of a grid is checked, and every value and end of a search.

    Args:
        spec: the spec.
        over: of a grid: the values by key.
        search: of a search: the values to choose from, or the interval, by key.
        overrides: settings of all trials.
        plugins: files to load as plugins first.
        storage: of a search: where its study is; "" for a file in the folder.
        registry: where names are looked up.
        given: the data in Python, in the place of the spec's dataset; None to use that.

    Raises:
        UserError: the parameters are not those of a grid or of a search.
        SpecError: with all problems of the spec at any of the points.
    """
    grid = {key: _plain(values) for key, values in over.items()}
    space = {key: given if isinstance(given, Interval) else _plain(given) for key, given in search.items()}
    _check_keys(grid, space, overrides)
    with_given = overrides if given is None else ["data.use=given", *overrides]
    base = read_plan(spec, with_given, plugins, registry, needs_data=True)
    listed = {key: list(values) for key, values in grid.items()}
    choices = {key: given if isinstance(given, Interval) else list(given) for key, given in space.items()}
    files = [str(Path(file).resolve()) for file in plugins]
    found = Definition(base.written(), files, listed, choices, without_password(storage))
    _check_plans(found, registry, given)
    return replace(found, search={key: _typed(found, key, registry) for key in choices})


def _plain(values: Iterable[Any]) -> Values:
    """Values with those of NumPy as Python's."""
    return tuple(value.item() if isinstance(value, np.generic) else value for value in values)


def _check_keys(
    over: Mapping[str, Values], search: Mapping[str, Values | Interval], overrides: Sequence[str]
) -> None:
    """Check which parameters are swept.

    Raises:
        UserError: there is none; a grid and a search are mixed; or a search changes what it minimises.
    """
    both = [key for key in over if key in search]
    if both:
        raise UserError(f"{both[0]}: expected it in --over or in --search; got it in both. Leave one out.")
    if over and search:
        raise UserError(
            "--over and --search: expected one of the two; got both. A grid trains every combination of its "
            "values; a search chooses the next trial by the results so far. Search first, then train the best "
            "setting with --over train.seed=0..4."
        )
    if not over and not search:
        raise UserError(
            "expected parameters to sweep; got none. Name some, as --over objective.beta=0.5,1,2 or --search "
            "train.learning_rate=1e-4..1e-2:log."
        )
    fixed = [setting.partition("=")[0].strip() for setting in overrides]
    for key, values in {**over, **search}.items():
        option = "--over" if key in over else "--search"
        if key in fixed:
            raise UserError(f"{key}: expected it in {option} or in --set; got it in both. Leave one out.")
        if isinstance(values, Interval):
            continue
        if not values:
            raise UserError(f"{option} {key}: expected at least one value; got none.")
        try:
            texts = [json.dumps(value) for value in values]
        except TypeError as error:
            raise UserError(
                f"{option} {key}: expected values that a spec can hold; got others: {error}."
            ) from None
        if twice := [text for number, text in enumerate(texts) if text in texts[:number]]:
            raise UserError(f"{option} {key}: expected each value once; got {twice[0]} twice.")
    for key in search:
        if key.startswith(_OF_THE_LOSS):
            table = key.partition(".")[0]
            raise UserError(
                f"--search {key}: expected parameters that leave the loss the same quantity; got one of "
                f"[{table}]. A search minimises the validation loss: it would find the easiest loss, not the best "
                f"model. Use --over {key}=..., and compare log p(x)."
            )
        if key == SEED:
            raise UserError(
                f"--search {key}: expected parameters of the model or of its training; got the seed, whose values "
                "are repetitions. Use --over train.seed=0..4."
            )


def _check_plans(definition: Definition, registry: Registry, given: object) -> None:
    """Check the spec at every point, and build each model that differs from the others.

    Raises:
        SpecError: with all problems, each once.
    """
    problems: dict[Problem, Problem] = {}  # without and with its place
    models: dict[str, Table] = {}
    for point in definition.samples():
        with _collected(problems, definition, point):
            filled = definition.plan(point, registry).filled()
            parts = {table: filled[table] for table in ("model", "objective", "data")}
            models.setdefault(json.dumps(parts, default=str), point)
    for point in models.values() if not problems else ():
        with _collected(problems, definition, point):
            settings = definition.settings_of(point)
            prepare(definition.spec, settings, definition.plugins, registry, fetch=False, given=given)
    if problems:
        raise SpecError(problems.values())


@contextmanager
def _collected(problems: dict[Problem, Problem], definition: Definition, point: Table) -> Iterator[None]:
    """Add the problems of a point that are not known from another one."""
    option = "--over" if definition.over else "--search"
    try:
        yield
    except SpecError as error:
        for problem in error.problems:
            key = problem.where.removeprefix("--set ").partition("=")[0]
            where = f"{option} {key}" if key in point else problem.where or f"{option} {described(point)}"
            problems.setdefault(replace(problem, where=""), replace(problem, where=where))


def _typed(definition: Definition, key: str, registry: Registry) -> list[Any] | Interval:
    """The values of a searched parameter; an interval of integers has fractions where the parameter takes them."""
    given = definition.search[key]
    if not isinstance(given, Interval) or not given.whole:
        return given
    value: Any = definition.plan(next(iter(definition.samples())), registry).filled()
    for part in key.split("."):
        value = value[part]
    return replace(given, low=float(given.low), high=float(given.high)) if isinstance(value, float) else given


def without_password(storage: str) -> str:
    """The address of a storage with the password of its user left out."""
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", storage)


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
        The definition, with the number of trials of the folder, or the default, where it says none.

    Raises:
        UserError: it belongs to another sweep, holds something else, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):  # two machines may start at once
            before = _definition_before(folder, definition)
            trials = definition.trials or (before.trials if before else TRIALS if definition.search else 0)
            definition = replace(definition, trials=trials)
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

"""From options to the definition of a sweep: every setting is checked before anything is trained."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from probvae.core import Table
from probvae.errors import Problem, SpecError, UserError
from probvae.registry import Registry
from probvae.runs.loading import Spec, prepare, read_plan
from probvae.runs.sweeps.definition import SEED, Definition, of_the_loss, without_password
from probvae.runs.sweeps.ranges import MOST, Interval, Values, described


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
    check_plans(found, registry, given)
    found = _with_absolute_paths(found, registry)
    return replace(found, search={key: _typed(found, key, registry) for key in choices})


def _plain(values: Iterable[Any]) -> Values:
    """Values with those of NumPy as Python's."""
    return tuple(value.item() if isinstance(value, np.generic) else value for value in values)


def _check_keys(
    over: Mapping[str, Values], search: Mapping[str, Values | Interval], overrides: Sequence[str]
) -> None:
    """Check which parameters are swept.

    Raises:
        UserError: there is none; a grid and a search are mixed; a table and a key within it are both set; or a
            search changes what it minimises.
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
            "expected parameters to sweep; got none. Name some, such as --over objective.beta=0.5,1,2 or --search "
            "train.learning_rate=1e-4..1e-2:log."
        )
    fixed = [setting.partition("=")[0].strip() for setting in overrides]
    for key, values in {**over, **search}.items():
        option = "--over" if key in over else "--search"
        if key in fixed:
            raise UserError(f"{key}: expected it in {option} or in --set; got it in both. Leave one out.")
        for inner in (*fixed, *over, *search):
            if _is_within(inner, key):
                raise UserError(
                    f"{option} {key}: expected values of whole tables, without a setting of a key within them; "
                    f"got {inner} too, which they replace. Write it into the tables, or leave it out."
                )
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
    if (count := math.prod(map(len, over.values()))) > MOST:
        raise UserError(
            f"--over: expected at most {MOST:,} combinations of values; got {count:,}. Name fewer values, or let "
            "--search choose."
        )
    for key in search:
        if changed := of_the_loss(key):
            raise UserError(
                f"--search {key}: expected parameters that leave the loss the same quantity; got one that "
                f"changes {changed}. A search minimises the validation loss: it would find the easiest loss, not "
                f"the best model. Use --over {key}=..., and compare log p(x)."
            )
        if key == SEED:
            raise UserError(
                f"--search {key}: expected parameters of the model or of its training; got the seed, whose values "
                "are repetitions. Use --over train.seed=0..4."
            )


def _is_within(key: str, table: str) -> bool:
    """Whether a key is one of a table, or deeper in it."""
    inner, outer = ([part.strip() for part in text.split(".")] for text in (key, table))
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def check_plans(definition: Definition, registry: Registry, given: object = None) -> None:
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


def _with_absolute_paths(definition: Definition, registry: Registry) -> Definition:
    """A checked definition whose values mean the same in any folder."""
    written: dict[str, Table] = {key: {} for key in definition.keys}  # by the text of a value
    for point in definition.covering():
        tables = definition.plan(point, registry).written()
        for key, value in point.items():
            written[key][json.dumps(value)] = _value_at(tables, key)

    def absolute(values: Mapping[str, Any]) -> Table:
        return {
            key: given if isinstance(given, Interval) else [written[key][json.dumps(value)] for value in given]
            for key, given in values.items()
        }

    return replace(definition, over=absolute(definition.over), search=absolute(definition.search))


def _value_at(tables: Table, key: str) -> Any:
    value: Any = tables
    for part in key.split("."):
        value = value[part.strip()]
    return value


def _typed(definition: Definition, key: str, registry: Registry) -> list[Any] | Interval:
    """The values of a searched parameter; an interval of integers has fractions where the parameter takes them."""
    given = definition.search[key]
    if not isinstance(given, Interval) or not given.whole:
        return given
    value = _value_at(definition.plan(next(definition.samples()), registry).filled(), key)
    return replace(given, low=float(given.low), high=float(given.high)) if isinstance(value, float) else given

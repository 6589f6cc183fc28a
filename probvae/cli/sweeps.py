"""Many trainings of one spec: sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probvae.cli.options import (
    json_option,
    plugin_option,
    set_option,
    spec_argument,
    verbosity_options,
)
from probvae.cli.printing import print_failure, print_json, print_text, progress
from probvae.cli.start import ModelCommand
from probvae.cli.tables import aligned
from probvae.errors import Interrupted

if TYPE_CHECKING:
    from probvae.runs.sweeps.results import Sweep


@click.command(cls=ModelCommand)
@spec_argument
@click.option(
    "--over",
    multiple=True,
    metavar="KEY=VALUES",
    help="Train with each of these values, A,B,C or FIRST..LAST. May be repeated: every combination is trained.",
)
@click.option(
    "--search",
    multiple=True,
    metavar="KEY=RANGE",
    help="Let Optuna choose from LOW..HIGH, LOW..HIGH:log or A,B,C, by the validation losses so far.",
)
@click.option("--trials", type=click.IntRange(1), help="All trials of a search. Default: 30.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Trainings at the same time.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder. Default: sweeps/NAME after the spec.")
@click.option(
    "--storage",
    default="",
    metavar="URL",
    help="The study of a search: the URL of a database, or a journal file. Default: a file in the folder.",
)
@set_option
@plugin_option
@click.option("--worker", is_flag=True, hidden=True)
@json_option
@verbosity_options
def sweep(
    spec: Path,
    over: tuple[str, ...],
    search: tuple[str, ...],
    trials: int | None,
    jobs: int,
    out: Path | None,
    storage: str,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    worker: bool,
    as_json: bool,
) -> int:
    """Train the model of SPEC with many settings, and compare them.

    A grid trains every combination of values. This one is 4 settings with 5 seeds each, and its table has the mean
    over the seeds and its standard error for each setting:

    \b
        probvae sweep first.toml --over objective.beta=0.5,1,2,4 --over train.seed=0..4

    A search samples its values, learns from the results, and stops trials that are worse than others at the same
    epoch. It needs Optuna: pip install 'probvae[sweep]'.

    \b
        probvae sweep first.toml --search train.learning_rate=1e-4..1e-2:log --trials 30

    Every setting is checked before the first training. The folder has a run for each trial, and report.html with
    all of them. After Ctrl-C, or when it was killed, the same command continues: what is finished is kept, and a
    training that was stopped continues from its checkpoint. On machines that share the folder, start the same
    command on each. SPEC may also be the folder of a sweep, to continue it.
    """  # noqa: D301 (click's mark of a paragraph that is not wrapped)
    from probvae.runs.signals import stop_with_input
    from probvae.runs.sweeps.ranges import read_grid, read_search
    from probvae.runs.sweeps.sweeping import sweep as run_sweep
    from probvae.runs.sweeps.sweeping import work

    if worker:
        stop_with_input()
        try:
            work(spec, storage)
        except Interrupted as error:  # the process that started this one says so, once
            return 128 + error.signal_number
        return 0
    found = run_sweep(
        spec,
        read_grid(over),
        read_search(search),
        trials,
        out,
        jobs,
        overrides,
        plugins,
        storage,
        progress(),
    )
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)
    return 1 if found.count("failed") else 0


def _print(found: Sweep) -> None:
    """A line for each setting, or for each trial, then what limits the comparison, and the report."""
    rows = list(_settings(found) if found.settings else _trials(found))
    for number, cells in enumerate(aligned(rows)):
        print_text("  ".join(cells).rstrip(), bold=number == 0)
    for trial in found.trials:
        if trial.status == "failed":
            print_failure(f"failed: trial {trial.number}, {trial.folder}: {trial.reason}")
    for note in found.notes:
        print_text(f"note: {note}")
    print_text(f"Report: {Path(found.folder) / 'report.html'}")


def _settings(found: Sweep) -> Iterator[tuple[str, ...]]:
    """Settings, with means over seeds."""
    from probvae.report.numbers import with_error

    keys = [key for key in found.parameters if key != "train.seed"]
    yield (*keys, "seeds", "validation loss", "log p(x)")
    for one in found.settings:
        means = [with_error(mean.value, mean.standard_error) if mean else "" for mean in (one.loss, one.bound)]
        yield (*_values(one.settings, keys), str(one.trials), *means)


def _trials(found: Sweep) -> Iterator[tuple[str, ...]]:
    from probvae.report.numbers import plain_number, with_error

    yield ("trial", *found.parameters, "status", "validation loss", "best epoch", "log p(x)")
    for trial in found.trials:
        yield (
            str(trial.number),
            *_values(trial.settings, found.parameters),
            trial.status,
            "" if trial.loss is None else plain_number(trial.loss),
            f"{trial.best_epoch} of {trial.epochs}" if trial.best_epoch else "",
            "" if trial.bound is None else with_error(trial.bound, trial.standard_error),
        )


def _values(settings: Mapping[str, Any], keys: list[str]) -> Iterator[str]:
    from probvae.runs.sweeps.ranges import in_words

    return (in_words(settings[key]) if key in settings else "" for key in keys)


COMMANDS = [sweep]

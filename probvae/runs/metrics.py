"""The metrics of an evaluation: built and checked before the work, computed, and printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from probvae.core import VAE, Data, Measurement, Metric, Split, Table
from probvae.data.feeding.splits import labelled
from probvae.report.numbers import numbers as numbers_of
from probvae.specs import Plan, build_component
from probvae.specs.planned import located_errors


def data_for(vae: VAE, data: Data, split: Split, name: str = "test") -> Data:
    """The data as metrics get it: a split of that name in the place of the test split.

    For a model with a classifier, training and test examples are those that have a label.

    Raises:
        ConfigError: the split has none.
    """
    if vae.classifier is None:
        return replace(data, test=split)
    test = labelled({name: split}, vae.condition_dim)[name]
    if split is data.train:
        return replace(data, train=test, test=test)
    found = labelled({"train": data.train, "test": test}, vae.condition_dim)
    return replace(data, train=found.get("train", data.train), test=test)


def checked_metrics(plan: Plan, vae: VAE, data: Data) -> dict[str, Metric]:
    """The metrics of a plan by name, all of which can be used with a model and its data.

    Raises:
        SpecError: one of them cannot.
    """
    metrics = {}
    for table in plan.metrics:
        metrics[table.use] = build_component(plan.document, table, {})
        with located_errors(plan.document, table):
            metrics[table.use].check(vae, data)
    return metrics


def measured(plan: Plan, vae: VAE, data: Data, console: Console, callback: Callable[[], None]) -> Table:
    """The numbers of each metric of a plan, on `data.test`.

    Args:
        plan: the checked spec, with the settings of [evaluate].
        vae: the trained model.
        data: see `data_for`.
        console: where to show which metric is at work.
        callback: called before each metric; it may raise to stop.

    Returns:
        Each metric as values of JSON: its settings, and its numbers by name.

    Raises:
        SpecError: a metric does not accept the model or the data, fails, or gives no finite numbers.
    """
    metrics, seed = checked_metrics(plan, vae, data), plan.evaluate.seed
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    found: Table = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("metrics", total=None)
        for number, (table, metric) in enumerate(zip(plan.metrics, metrics.values(), strict=True), 1):
            callback()
            bar.update(task, description=f"{table.use} (metric {number} of {len(metrics)})")
            with located_errors(plan.document, table):
                numbers = _checked(metric(vae, data, seed))
            found[table.use] = {
                "settings": {**table.filled(), "seed": seed},
                "numbers": {name: _as_json(number) for name, number in numbers.items()},
            }
    return found


def _checked(returned: object) -> dict[str, Measurement]:
    """What a metric returned, if it is numbers.

    Raises:
        TypeError: it is something else.
        ValueError: a number is not finite.
    """
    if not isinstance(returned, dict) or not all(isinstance(found, Measurement) for found in returned.values()):
        raise TypeError(f"expected a dict of names and probvae.Measurement; got {returned!r}")
    for name, found in returned.items():
        for value in (found.value, found.standard_error):
            if value is not None and not np.all(np.isfinite(value)):
                raise ValueError(f"expected finite numbers; got {value} for {name!r}")
    return returned


def _as_json(number: Measurement) -> Table:
    """A number as values of JSON; a note that is empty is left out."""
    fields = {key: value for key, value in asdict(number).items() if key != "note" or value}
    return fields | {key: np.asarray(fields[key]).tolist() for key in ("value", "standard_error")}


def print_metrics(console: Console, metrics: Table) -> None:
    """A line for each number, with its standard error and its unit, and the notes below."""
    found = numbers_of(metrics)
    name, text = (max((len(getattr(number, key)) for number in found), default=0) for key in ("name", "text"))
    lines = [f"{number.name:<{name}}  {number.text:<{text}}  {number.unit}" for number in found]
    lines += [f"{number.name}: {note}" for number in found for note in number.notes]
    for line in lines:
        console.print(f"            {line}", markup=False, soft_wrap=True)

"""The metrics of an evaluation: built and checked before the work, computed, and printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TypeAlias

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from probvae.core import VAE, Data, Measurement, Metric, Split, Table
from probvae.data.feeding.splits import labelled
from probvae.specs import Plan, build_component
from probvae.specs.planned import located_errors

Measured: TypeAlias = Mapping[str, Mapping[str, Measurement]]
"""Metric -> its numbers by name."""


def data_for(vae: VAE, data: Data, split: Split) -> Data:
    """The data as metrics get it: a split in the place of the test split.

    Of a model with a classifier, training and test examples are those that have a label.
    """
    if vae.classifier is None:
        return replace(data, test=split)
    test = labelled({"test": split}, vae.condition_dim)["test"]
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


def measured(plan: Plan, vae: VAE, data: Data, console: Console, callback: Callable[[], None]) -> Measured:
    """The numbers of each metric of a plan, on `data.test`.

    Args:
        plan: the checked spec, with the settings of [evaluate].
        vae: the trained model.
        data: see `data_for`.
        console: where to show which metric is at work.
        callback: called before each metric; it may raise to stop.

    Raises:
        SpecError: a metric does not accept the model or the data, fails, or gives no finite numbers.
    """
    metrics, seed = checked_metrics(plan, vae, data), plan.evaluate.seed
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    found = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("metrics", total=None)
        for number, (table, metric) in enumerate(zip(plan.metrics, metrics.values(), strict=True), 1):
            callback()
            bar.update(task, description=f"{table.use} (metric {number} of {len(metrics)})")
            with located_errors(plan.document, table):
                found[table.use] = _checked(metric(vae, data, seed))
    return found


def _checked(numbers: object) -> dict[str, Measurement]:
    """What a metric returned, if it is numbers.

    Raises:
        TypeError: it is something else.
        ValueError: a number is not finite.
    """
    if not isinstance(numbers, dict) or not all(isinstance(found, Measurement) for found in numbers.values()):
        raise TypeError(f"expected a dict of names and probvae.Measurement; got {numbers!r}")
    for name, found in numbers.items():
        if not np.all(np.isfinite(found.value)):
            raise ValueError(f"expected finite numbers; got {found.value} for {name!r}")
    return numbers


def record(plan: Plan, found: Measured) -> Table:
    """Each metric as values of JSON: its settings, and its numbers by name; a note that is empty is left out."""
    return {
        table.use: {
            "settings": {**table.filled(), "seed": plan.evaluate.seed},
            "numbers": {
                name: {key: value for key, value in asdict(number).items() if key != "note" or value}
                for name, number in found[table.use].items()
            },
        }
        for table in plan.metrics
    }


def print_metrics(console: Console, found: Measured) -> None:
    """A line for each number, with its standard error and its unit, and the notes below."""
    rows = [(name, _text(number), number) for numbers in found.values() for name, number in numbers.items()]
    wide = max((len(name) for name, _, _ in rows), default=0)
    widest = max((len(text) for _, text, _ in rows), default=0)
    lines = [f"{name:<{wide}}  {text:<{widest}}  {number.unit}" for name, text, number in rows]
    lines += [f"{name}: {number.note}" for name, _, number in rows if number.note]
    for line in lines:
        console.print(f"            {line}", markup=False, soft_wrap=True)


def _text(number: Measurement) -> str:
    """A number as it is printed: with two digits of its standard error; the range of several.

    >>> _text(Measurement(227.4512, "nats per example", 0.912)), _text(Measurement(38, "latents"))
    ('227.45 ± 0.91', '38')
    >>> _text(Measurement((0.001, 1.5), "nats per example"))
    '2 numbers from 0.001 to 1.5'
    """
    value, error = number.value, number.standard_error
    if isinstance(value, tuple):
        return f"{len(value)} numbers from {min(value):.3g} to {max(value):.3g}" if value else "none"
    if not isinstance(error, float) or not error > 0:
        return f"{value:.6g}" if error is None else f"{value:.6g} ± 0"
    digits = min(max(1 - math.floor(math.log10(error)), 0), 8)
    return f"{value:.{digits}f} ± {error:.{digits}f}"

"""What does a training step cost as batches, latents, mixtures, importance samples and devices grow?

The gated model 784-300-300-40 with a standard normal prior in batches of 100 is the reference; each row changes
one thing of it. All rows take turns, each trained anew by the trainer of probvae, checkpoints included.

    python -m benchmarks scaling
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from benchmarks.charts import lines as lines_of
from benchmarks.reference import EVENT
from benchmarks.results import HERE, measured, page, parser_of, render, write
from probvae import BINARY, Data, DataInfo, Split
from probvae.data import FashionMini
from probvae.runs.loading import prepare
from probvae.training import Callback, Epoch, Trainer, TrainSettings, select_devices

SPECS = HERE / "fashion_mnist"
EXAMPLES, EPOCHS = 10_000, 4


class Case(NamedTuple):
    """A row of a table.

    Args:
        label: what the row is called.
        set: how the spec differs from the reference.
        spec: a file in `fashion_mnist/`.
        devices: how many share a batch.
    """

    label: str
    set: Mapping[str, object] = {}
    spec: str = "dense.toml"
    devices: int = 1


def along(setting: str, values: Sequence[int], fixed: Mapping[str, object] | None = None) -> list[Case]:
    """A row for each value of a setting, beside others that all rows have."""
    return [Case(f"{value:,}", {**(fixed or {}), setting: value}) for value in values]


QUESTIONS = {
    "batch size": along("train.batch_size", (10, 30, 100, 300, 1000)),
    "latents D": along("model.latent_dim", (2, 10, 40, 200, 1000)),
    "components K of the prior mixture": along(
        "model.prior.components", (10, 100, 500, 5000), {"model.prior.use": "mixture"}
    ),
    "pseudo-inputs K of the prior vamp": along(
        "model.prior.pseudo_inputs", (10, 100, 500), {"model.prior.use": "vamp"}
    ),
    "importance samples S of iwae": along("objective.samples", (1, 2, 5, 10, 50), {"objective.use": "iwae"}),
    "prior": [
        *(
            Case(name, {"model.prior.use": name})
            for name in ("standard_normal", "mixture", "exemplar", "realnvp", "maf", "spline", "autoregressive")
        ),
        Case("two layers of latents", spec="two_layers.toml"),
    ],
    "devices": [Case("1"), Case("2", devices=2)],
}
REFERENCE = QUESTIONS["devices"][0]


class Speeds(Callback):
    """Keeps the examples per second of each epoch."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def epoch_ended(self, epoch: Epoch) -> None:
        """Keep it."""
        self.found.append(epoch.examples_per_second)


def examples_per_second(case: Case) -> float:
    """The median over epochs, without the first, which traces."""
    devices = select_devices(case.devices)
    images = np.resize(np.asarray(FashionMini().load().train.stored), (EXAMPLES, *EVENT))
    train = Split(images, divide_by=255.0, binarize_on_read=True)
    few = Split(images[:100], divide_by=255.0, binarize_on_read=True)
    data = Data(DataInfo(EVENT, BINARY, (len(train), len(few), len(few)), "", ""), train, few, few)
    spec = tomllib.loads((SPECS / case.spec).read_text())
    spec |= {"objective": {"use": "elbo"}, "train": {"batch_size": 100}, "data": {}}
    overrides = [f"{setting}={value}" for setting, value in case.set.items()]
    speeds = Speeds()
    with tempfile.TemporaryDirectory() as folder, devices.strategy.scope():
        built = prepare(spec, overrides, given=data)
        settings = TrainSettings(epochs=EPOCHS, batch_size=built.plan.train.batch_size)
        Trainer(built.vae, built.objective, data, settings, Path(folder), [speeds]).train()
    return statistics.median(speeds.found[1:])


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    reference = results["speeds"]["devices"][REFERENCE.label]
    lines = [
        f"Examples per second, medians of {results['rounds']} turns, each in a process of its own. The cost is "
        "the time for an example over that of the reference: the gated model 784-300-300-40, a standard normal "
        "prior, batches of 100.",
    ]
    for question, rows in results["speeds"].items():
        lines += ["", f"| {question} | examples/s | range | cost |", "|---|---|---|---|"]
        for label, speeds in rows.items():
            costs = [one / each for one, each in zip(reference, speeds, strict=True)]
            lines.append(
                f"| {label} | {statistics.median(speeds):,.0f} | {min(speeds):,.0f} to {max(speeds):,.0f} "
                f"| {statistics.median(costs):.2f} |"
            )
    return page("scaling", "What a step costs", results, lines, "the cost of an example along each size")


def picture(results: dict[str, Any]) -> Figure:
    """The cost of an example along each size."""
    reference = statistics.median(results["speeds"]["devices"][REFERENCE.label])
    panels = {}
    for question, rows in results["speeds"].items():
        sizes = [label.replace(",", "") for label in rows]
        if all(map(str.isdecimal, sizes)) and len(sizes) > 2:
            costs = [reference / statistics.median(speeds) for speeds in rows.values()]
            panels[question] = {"probvae": dict(zip(map(float, sizes), costs, strict=True))}
    return lines_of("What a step costs", "the time for an example over that of the reference", panels)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("scaling", __doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    speeds: dict[str, dict[str, list[float]]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        for number in range(options.rounds):
            for question, cases in QUESTIONS.items():
                for case in cases:
                    speed = pool.submit(examples_per_second, case).result()
                    speeds.setdefault(question, {}).setdefault(case.label, []).append(speed)
                    print(f"{number + 1}: {question}, {case.label}: {speed:,.0f}", file=sys.stderr, flush=True)
    results = measured(rounds=options.rounds, speeds=speeds)
    write("scaling", results)
    render("scaling", results, table, picture)

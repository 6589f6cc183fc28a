"""How good are priors and posteriors on binarised Fashion-MNIST, beside published log-likelihoods?

Trains the rows of fashion_mnist/rows.toml by the published protocol, evaluates each with 5,000 importance samples,
writes the numbers to fashion_mnist/results/ROW-SEED.json, a picture of samples beside them, and the table to
leaderboard.md. Training and evaluation continue where they were stopped, so that the command can be repeated until
it is done. A row takes an hour or two.

    python -m benchmarks leaderboard                        # all rows
    python -m benchmarks leaderboard vamp --seeds 1         # one training
    python -m benchmarks leaderboard --render               # only the table, from the committed results
"""

from __future__ import annotations

import json
import statistics
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import HERE, measured, parser_of, probvae, render
from probvae.core import from_json

FOLDER = HERE / "fashion_mnist"
RESULTS = FOLDER / "results"
PICTURES = 35
"""The number of samples in the picture of a training."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        name: of the row.
        about: what the model is.
        spec: a file in this folder.
        seeds: those of the trainings that the table has.
        set: what the spec is changed by.
        start: the row whose training with the same seed it starts from; "" for none.
        published: the log-likelihood of the same class of model, and its deviation over seeds; none if there is
            no such number.
    """

    name: str
    about: str
    spec: str
    seeds: tuple[int, ...]
    set: tuple[str, ...] = ()
    start: str = ""
    published: tuple[float, float] | None = None

    @property
    def overrides(self) -> list[str]:
        """The options of the command line."""
        return [f"--set={setting}" for setting in self.set]

    def results(self) -> list[dict[str, Any]]:
        """The committed results of its trainings."""
        return [json.loads(file.read_text()) for file in sorted(RESULTS.glob(f"{self.name}-*.json"))]


@dataclass(frozen=True)
class _Rows:
    rows: list[Row]


def rows() -> list[Row]:
    """All rows, in the order of the table."""
    found: list[Row] = from_json(
        _Rows, json.dumps(tomllib.loads((FOLDER / "rows.toml").read_text())).encode()
    ).rows
    return found


def train(row: Row, seed: int, runs: Path, samples: int) -> None:
    """Train and evaluate a row with a seed, as far as that is not done, and write its result."""
    folder, start = runs / f"{row.name}-{seed}", runs / f"{row.start}-{seed}"
    if row.start and not (start / "evaluation.json").exists():
        (before,) = (one for one in rows() if one.name == row.start)
        train(before, seed, runs, samples)
    if not (folder / "evaluation.json").exists():
        overrides = [*row.overrides, *([f"--set=train.init_from={start}"] if row.start else [])]
        probvae("train", FOLDER / row.spec, *overrides, f"--set=train.seed={seed}", f"--out={folder}", "--resume")
    if evaluated(folder)["settings"]["samples"] < samples:
        probvae("evaluate", folder, f"--set=evaluate.samples={samples}")
    epochs = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    seconds = statistics.median(epoch["seconds"] for epoch in epochs)  # an interrupted epoch takes longer
    result = measured(
        row=row.name,
        seed=seed,
        epochs=len(epochs),
        hours=len(epochs) * seconds / 3600,
        images_per_second=statistics.median(epoch["examples_per_second"] for epoch in epochs),
        evaluation=evaluated(folder),
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{row.name}-{seed}.json").write_text(json.dumps(result, indent=1) + "\n")
    if not (picture := RESULTS / f"{row.name}-{seed}.png").exists():
        probvae("sample", folder, f"--count={PICTURES}", f"--out={picture}")


def evaluated(folder: Path) -> dict[str, Any]:
    """The evaluation of a run."""
    found: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())
    return found


def number(evaluation: dict[str, Any], metric: str, name: str) -> float:
    """A number of a metric."""
    return float(evaluation["metrics"][metric]["numbers"][name]["value"])


def table(results: dict[str, Any]) -> str:
    """The results in Markdown: the mean of the trainings of each row, beside the published number."""
    lines = [
        "# Leaderboard: binarised Fashion-MNIST",
        "",
        "Test log-likelihood in nats per image, an importance-weighted lower bound. Means over the trainings of a "
        "row, ± their standard deviation where there are several. The standard error over the 10,000 test images "
        "is about 0.8 nats and the same for all rows, as they share the images. Hours and images/s are of "
        "trainings on one core or two.",
        "",
        f"Protocol: {results['protocol']}. Published: Norouzi, Fleet and Norouzi, Exemplar VAE, 2020, table 2.",
        "",
        "| model | log-likelihood | published | difference | ELBO | KL | active units | parameters | samples "
        "| trainings | epochs | hours | images/s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    pictures = []
    for row in results["rows"]:
        found = row.results()
        if not found:
            continue
        evaluations = [one["evaluation"] for one in found]
        values = [one["importance_weighted"]["value"] for one in evaluations]
        mean = statistics.mean(values)
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        published, difference = "", ""
        if row.published:
            published = f"{row.published[0]:.2f} ± {row.published[1]:.2f}"
            difference = f"{mean - row.published[0]:+.2f}"
        kl = statistics.mean(number(one, "rate_distortion", "rate") for one in evaluations)
        active = ", ".join(f"{number(one, 'active_units', 'active_units'):.0f}" for one in evaluations)
        means = {name: statistics.mean(one[name] for one in found) for name in ("epochs", "hours")}
        lines.append(
            f"| {row.about} | {mean:.2f}{spread} | {published} | {difference} "
            f"| {statistics.mean(one['elbo']['value'] for one in evaluations):.2f} | {kl:.2f} | {active} "
            f"| {evaluations[0]['parameters']:,} | {min(one['settings']['samples'] for one in evaluations):,} "
            f"| {len(found)} | {means['epochs']:.0f} | {means['hours']:.1f} "
            f"| {statistics.median(one['images_per_second'] for one in found):,.0f} |"
        )
        first = f"fashion_mnist/results/{row.name}-{found[0]['seed']}.png"
        pictures += ["", f"{row.about}:", "", f"![samples of the model: {row.about}]({first})"]
    lines += ["", "## Samples", "", "Means of p(x|z) at draws of the prior.", *pictures]
    return "\n".join([*lines, "", "Made by `python -m benchmarks leaderboard`.", ""])


def main(arguments: Sequence[str]) -> None:
    """Train what is missing, and write the table."""
    parser = parser_of("leaderboard", __doc__)
    known = {row.name: row for row in rows()}
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"one or several of {', '.join(known)}; all if none"
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="those of the trainings; those in rows.toml if none")
    parser.add_argument("--samples", type=int, default=5000, help="importance samples for each test image")
    parser.add_argument("--runs", type=Path, default=Path("runs/fashion_mnist"), help="where the runs are kept")
    parser.add_argument("--render", action="store_true", help="only write the table, from the results")
    options = parser.parse_args(arguments)
    if unknown := set(options.rows) - set(known):
        parser.error(f"expected rows among {', '.join(known)}; got {', '.join(sorted(unknown))}")
    if not options.render:
        for name in options.rows or known:
            for seed in options.seeds or known[name].seeds:
                train(known[name], seed, options.runs, options.samples)
    first = next(one for row in known.values() for one in row.results())
    render("leaderboard", {"rows": list(known.values()), "protocol": first["evaluation"]["protocol"]}, table)

"""How good are priors and posteriors on binarised Fashion-MNIST, beside published log-likelihoods?

Trains the rows of fashion_mnist/rows.toml by the published protocol, evaluates each with 5,000 importance samples,
writes the numbers to fashion_mnist/results/ROW-SEED.json and the table to leaderboard.md. Training and evaluation
continue where they were stopped, so that the command can be repeated until it is done. A row takes an hour or two.

    python -m benchmarks leaderboard                        # all rows
    python -m benchmarks leaderboard vamp --seeds 1         # one training
    python -m benchmarks leaderboard --render               # only the table, from the committed results
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import HERE, measured, parser_of, render
from probvae.core import from_json

FOLDER = HERE / "fashion_mnist"
RESULTS = FOLDER / "results"


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        name: of the row.
        about: what the model is.
        spec: a file in this folder.
        seeds: those of the trainings that the table has.
        set: what the spec is changed by.
        published: the log-likelihood of the same class of model, and its deviation over seeds; none if there is
            no such number.
    """

    name: str
    about: str
    spec: str
    seeds: tuple[int, ...]
    set: tuple[str, ...] = ()
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
    folder = runs / f"{row.name}-{seed}"
    if not (folder / "evaluation.json").exists():
        probvae(
            "train", FOLDER / row.spec, *row.overrides, f"--set=train.seed={seed}", f"--out={folder}", "--resume"
        )
    if evaluated(folder)["settings"]["samples"] < samples:
        probvae("evaluate", folder, f"--set=evaluate.samples={samples}")
    epochs = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    result = measured(
        row=row.name,
        seed=seed,
        epochs=len(epochs),
        hours=sum(epoch["seconds"] for epoch in epochs) / 3600,
        evaluation=evaluated(folder),
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{row.name}-{seed}.json").write_text(json.dumps(result, indent=1) + "\n")


def probvae(*arguments: str | Path) -> None:
    """Run the command line."""
    subprocess.run([sys.executable, "-m", "probvae", *map(str, arguments)], check=True)


def evaluated(folder: Path) -> dict[str, Any]:
    """The evaluation of a run."""
    found: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())
    return found


def table(results: dict[str, Any]) -> str:
    """The results in Markdown: the mean of the trainings of each row, beside the published number."""
    lines = [
        "# Leaderboard: binarised Fashion-MNIST",
        "",
        "Test log-likelihood in nats per image, an importance-weighted lower bound. Means over the trainings of a "
        "row, ± their standard deviation where there are several. The standard error over the 10,000 test images "
        "is about 0.9 nats and the same for all rows, as they share the images.",
        "",
        f"Protocol: {results['protocol']}. Published: Norouzi, Fleet and Norouzi, Exemplar VAE, 2020, table 2.",
        "",
        "| model | log-likelihood | published | difference | ELBO | samples | trainings | epochs | hours |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results["rows"]:
        found = row.results()
        if not found:
            continue
        values = [one["evaluation"]["importance_weighted"]["value"] for one in found]
        mean = statistics.mean(values)
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        published, difference = "", ""
        if row.published:
            published = f"{row.published[0]:.2f} ± {row.published[1]:.2f}"
            difference = f"{mean - row.published[0]:+.2f}"
        elbo = statistics.mean(one["evaluation"]["elbo"]["value"] for one in found)
        samples = min(one["evaluation"]["settings"]["samples"] for one in found)
        epochs = statistics.mean(one["epochs"] for one in found)
        hours = statistics.mean(one["hours"] for one in found)
        lines.append(
            f"| {row.about} | {mean:.2f}{spread} | {published} | {difference} | {elbo:.2f} | {samples:,} "
            f"| {len(found)} | {epochs:.0f} | {hours:.1f} |"
        )
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

"""One training of each built-in prior, with everything else equal: that all of them learn, not which is best.

Trains every prior with a dense and with a convolutional model on the packaged Fashion-MNIST subset, by the
command that users have, with one seed, data order and noise; writes priors.json and the table priors.md to this
folder. A run that exists is read, not repeated, so the script can be stopped and started again.

    python -m benchmarks priors --epochs 20 --latents 2 --runs runs/benchmark-priors
    python -m benchmarks priors --render  # priors.md again, from priors.json
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import measured, parser_of, read, render, write

SEED_SPREAD = 1.1
"""By how many nats the test log-likelihood of one row has differed over three training seeds."""
PRIORS = ("standard_normal", "mixture", "vamp", "realnvp", "maf", "spline")
NETWORKS = {"dense": ("dense", "dense"), "conv": ("conv", "conv_transpose")}


def run(folder: Path, prior: str, network: str, epochs: int, latents: int) -> dict[str, Any]:
    """One row: the losses of the first two epochs, and the numbers on the test data."""
    down, up = NETWORKS[network]
    spec = {
        "schema": 1,
        "model": {
            "latent_dim": latents,
            "encoder": {"network": {"use": down}},
            "decoder": {"network": {"use": up}, "likelihood": {"use": "bernoulli"}},
            "prior": {"use": prior},
        },
        "data": {"use": "fashion_mini"},
        "train": {"epochs": epochs},
        "evaluate": {"samples": 200},
    }
    if not (folder / "evaluation.json").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_suffix(".json")
        file.write_text(json.dumps(spec))
        command = [sys.executable, "-m", "probvae", "train", str(file), "--out", str(folder), "--resume"]
        subprocess.run(command, check=True)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    evaluation = json.loads((folder / "evaluation.json").read_text())
    return {
        "network": network,
        "prior": prior,
        "training_loss": [row["train/loss"] for row in rows],
        "elbo": evaluation["elbo"],
        "importance_weighted": evaluation["importance_weighted"],
        "protocol": evaluation["protocol"],
        "epoch": evaluation["epoch"],
        "versions": json.loads((folder / "environment.json").read_text())["versions"],
    }


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    rows = results["rows"]
    values = {
        network: [row["importance_weighted"]["value"] for row in rows if row["network"] == network]
        for network in NETWORKS
    }
    spread = ", ".join(f"{max(found) - min(found):.1f} nats ({network})" for network, found in values.items())
    lines = [
        "# One training of each prior",
        "",
        " ".join([f"Measured on {results['date']} at commit `{results['commit']}`.", *results["remarks"]]),
        "",
        "**This table ranks no priors.** Each row is one training with one seed. Over three training seeds the "
        f"test log-likelihood of one row differed by {SEED_SPREAD} nats; over the priors of one network it "
        f"differs by {spread}. What the table shows: every prior trains with both networks from the same "
        "settings, and none diverges or fails.",
        "",
        f"{results['epochs']} epochs on `fashion_mini` (6,000 training, 1,000 test images), {results['latents']} "
        f"latents; {rows[0]['protocol']}. Test numbers are in nats per example, mean ± standard error over the "
        "test images (it does not include the spread over seeds); the log-likelihood is importance-weighted with "
        f"{rows[0]['importance_weighted']['samples']} samples.",
        "",
        "| network | prior | training loss, epochs 1, 2, last | test ELBO | test log-likelihood |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        losses = row["training_loss"]
        elbo, weighted = row["elbo"], row["importance_weighted"]
        lines.append(
            f"| {row['network']} | {row['prior']} | {losses[0]:.1f}, {losses[1]:.1f}, {losses[-1]:.1f} "
            f"| {elbo['value']:.2f} ± {elbo['standard_error']:.2f} "
            f"| {weighted['value']:.2f} ± {weighted['standard_error']:.2f} |"
        )
    return "\n".join(lines) + "\n\nMade by `python -m benchmarks priors`; the numbers are in `priors.json`.\n"


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, and write the results."""
    parser = parser_of("priors", __doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--latents", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark-priors"))
    parser.add_argument("--render", action="store_true", help="only write priors.md again, from priors.json")
    options = parser.parse_args(arguments)
    if options.render:
        results = read("priors")
    else:
        rows = [
            run(options.runs / f"{network}-{prior}", prior, network, options.epochs, options.latents)
            for network in NETWORKS
            for prior in PRIORS
        ]
        results = measured(epochs=options.epochs, latents=options.latents, rows=rows)
        write("priors", results)
    render("priors", results, table)

"""What does a learned prior gain over a fixed one, with everything else equal?

Trains every built-in prior with a dense and with a convolutional model on the packaged Fashion-MNIST subset,
by the command that users have, with the same seeds, data order and noise; writes priors.json and the table
priors.md beside this file. A run that is there already is read, not repeated, so the script can be stopped and
started again.

    python benchmarks/priors.py --epochs 20 --latents 2 --runs runs/benchmark-priors
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PRIORS = ("standard_normal", "mixture", "vamp", "realnvp", "maf", "spline")
NETWORKS = {"dense": ("dense", "dense"), "conv": ("conv", "conv_transpose")}


def run(folder: Path, prior: str, network: str, epochs: int, latents: int) -> dict[str, Any]:
    """One row: the losses of the first two epochs, and the numbers on the test data."""
    encoder, decoder = NETWORKS[network]
    spec = {
        "schema": 1,
        "model": {
            "latent_dim": latents,
            "encoder": {"use": encoder},
            "decoder": {"use": decoder, "likelihood": {"use": "bernoulli"}},
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
    lines = [
        "# Priors with everything else equal",
        "",
        f"{results['epochs']} epochs on `fashion_mini` (6,000 training, 1,000 test images), {results['latents']} "
        f"latents; {rows[0]['protocol']}. Test numbers are in nats per example, mean ± standard error over the "
        "test images; the log-likelihood is importance-weighted with "
        f"{rows[0]['importance_weighted']['samples']} samples. All rows are measured on the same images, so "
        "differences are known better than the errors say.",
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
    return "\n".join(lines) + "\n\nMade by `benchmarks/priors.py`; the numbers are in `priors.json`.\n"


def main() -> None:
    """Run what is missing, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--latents", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark-priors"))
    options = parser.parse_args()
    rows = [
        run(options.runs / f"{network}-{prior}", prior, network, options.epochs, options.latents)
        for network in NETWORKS
        for prior in PRIORS
    ]
    results = {"epochs": options.epochs, "latents": options.latents, "rows": rows}
    (HERE / "priors.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "priors.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()

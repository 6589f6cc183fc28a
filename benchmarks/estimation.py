"""How many importance samples a second does an evaluation take, compared with a hand-written loop of PyTorch?

The gated model 784-300-300-40 with the same weights everywhere; the estimates must agree. PyTorch needs an
environment of its own: `sh benchmarks/contestants/install.sh .venv-peers`.

    python -m benchmarks estimation --peers .venv-peers/bin/python
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from benchmarks.charts import bars
from benchmarks.reference import gated
from benchmarks.results import measured, page, parser_of, render, write
from benchmarks.turns import interleaved, ratios
from probvae.core import trainable_names
from probvae.data import FashionMini

IMAGES = 200
MEGA = 2**20
AGREEMENT = 0.5
"""By how many nats the estimates may differ: fresh weights make importance weights vary much."""


def compared(peers: str, samples: int, rounds: int) -> dict[str, Any]:
    """The row of each contestant.

    Raises:
        SystemExit: their estimates differ.
    """
    here, there = [sys.executable, "-m"], [peers, "-m"]
    commands = {
        "probvae": [*here, "benchmarks.contestants.probvae_estimation"],
        "PyTorch": [*there, "benchmarks.contestants.torch_estimation"],
        "PyTorch, compiled": [*there, "benchmarks.contestants.torch_estimation", "compile"],
    }
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        weights, images = Path(folder) / "weights.npz", Path(folder) / "images.npy"
        np.savez(weights, **{name: variable.numpy() for name, variable in trainable_names(gated()).items()})
        np.save(images, (np.asarray(FashionMini().load().test.stored[:IMAGES]) > 0).astype(np.uint8))
        found = interleaved(commands, {"weights": str(weights), "images": str(images), "samples": samples}, rounds)
    bounds = {name: statistics.mean(turn["bound"] for turn in one["turns"]) for name, one in found.items()}
    if max(bounds.values()) - min(bounds.values()) > AGREEMENT:
        raise SystemExit(f"Expected estimates within {AGREEMENT} nats of each other; got {bounds}.")
    seconds = {name: [turn["seconds"] for turn in one["turns"]] for name, one in found.items()}
    return {
        name: {
            "bound": bounds[name],
            "peak": max(turn["peak"] for turn in found[name]["turns"]),
            "samples_per_second": [IMAGES * samples / each for each in seconds[name]],
            "probvae_over_it": ratios(seconds[name], seconds["probvae"]),
        }
        for name in found
    }


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        f"{IMAGES} images, {results['samples']:,} samples for each; medians of {results['rounds']} turns, and "
        "their range. All contestants take turns, each in a process of its own; a ratio is the median of those of "
        "paired turns. The peak of memory is that of the whole process.",
        "",
        "| | samples/s | range | probvae is faster by | estimate | peak |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in results["contestants"].items():
        speeds, ratio = row["samples_per_second"], row["probvae_over_it"]
        lines.append(
            f"| {name} | {statistics.median(speeds):,.0f} | {min(speeds):,.0f} to {max(speeds):,.0f} "
            f"| {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}) | {row['bound']:.2f} "
            f"| {row['peak'] / MEGA:,.0f} MiB |"
        )
    return page("estimation", "Importance-weighted estimates", results, lines, "samples per second, as bars")


def picture(results: dict[str, Any]) -> Figure:
    """The samples per second of all contestants."""
    rows = {name: row["samples_per_second"] for name, row in results["contestants"].items()}
    return bars("Importance-weighted estimates", "samples per second", {"784-300-300-40, gated": rows})


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("estimation", __doc__)
    parser.add_argument("--peers", required=True, help="a Python with PyTorch")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    contestants = compared(options.peers, options.samples, options.rounds)
    results = measured(rounds=options.rounds, samples=options.samples, contestants=contestants)
    write("estimation", results)
    render("estimation", results, table, picture)

"""How many examples a second does a trained model sample, encode and reconstruct?

The gated model of the leaderboard (784-300-300-40) with fresh weights on 10,000 images, by the functions that
users call; samples also from priors whose sampler is a loop over D = 128 latents, or none.

    python -m benchmarks inference
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from benchmarks.charts import bars
from benchmarks.reference import EVENT, gated
from benchmarks.results import measured, page, parser_of, render, write
from benchmarks.turns import alternating
from probvae import VAE, Split
from probvae.components import IAF, MAF, RealNVP, Spline, StandardNormal
from probvae.core import Batch, Tensor
from probvae.evaluation import over_examples

COUNT = 10_000
PRIORS = {
    "standard_normal": StandardNormal,
    "realnvp": RealNVP,
    "spline": Spline,
    "maf": MAF,
    "autoregressive": IAF,
}
LATENTS, DRAWS = 128, 1_000


def of_a_model(vae: VAE, split: Split) -> dict[str, Callable[[], object]]:
    """What is done to all images."""

    def encode(batch: Batch, seed: Tensor) -> dict[str, Tensor]:
        return {"mean": vae.posterior(batch.x).mean()}

    def reconstruct(batch: Batch, seed: Tensor) -> dict[str, Tensor]:
        return {"image": vae.reconstruct(batch.x, seed)}

    drawn = tf.function(lambda seed: vae.sample(COUNT // 10, seed))
    return {
        "sample": lambda: [drawn(tf.constant([0, part])).numpy() for part in range(10)],
        "encode": lambda: over_examples(vae, split, encode, 0),
        "reconstruct": lambda: over_examples(vae, split, reconstruct, 0),
    }


def of_priors() -> dict[str, Callable[[], object]]:
    """Draws from each prior."""

    def drawing(prior: Any) -> Callable[[], object]:
        drawn = tf.function(lambda seed: prior.distribution().sample(DRAWS, seed=seed))
        return lambda: drawn(tf.constant([0, 0])).numpy()

    return {name: drawing(prior(LATENTS)) for name, prior in PRIORS.items()}


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        f"Medians of {results['rounds']} turns in one process: {COUNT:,} images of the gated model "
        f"784-300-300-40, and {DRAWS:,} draws from priors of {LATENTS} latents.",
        "",
        "| what | seconds | a second |",
        "|---|---|---|",
    ]
    for counts, unit in (("model", "images"), ("priors", "draws")):
        number = COUNT if counts == "model" else DRAWS
        for name, seconds in results[counts].items():
            median = statistics.median(seconds)
            lines.append(f"| {name} | {median:.3f} | {number / median:,.0f} {unit} |")
    return page("inference", "Use of a trained model", results, lines, "images and draws per second, as bars")


def picture(results: dict[str, Any]) -> Figure:
    """Images and draws per second."""
    panels = {
        what: {name: [number / each for each in seconds] for name, seconds in results[counts].items()}
        for counts, what, number in (
            ("model", "images, 784-300-300-40", COUNT),
            ("priors", f"draws of {LATENTS} latents", DRAWS),
        )
    }
    return bars("Use of a trained model", "per second", panels)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("inference", __doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    keras.utils.set_random_seed(0)
    bits = np.random.default_rng(0).integers(0, 2, (COUNT, *EVENT), np.uint8)
    model = alternating(of_a_model(gated(), Split(bits)), options.rounds)
    results = measured(rounds=options.rounds, model=model, priors=alternating(of_priors(), options.rounds))
    write("inference", results)
    render("inference", results, table, picture)

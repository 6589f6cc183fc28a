"""The accuracy of a semi-supervised model, against a network trained on the labelled examples alone.

Trains `examples/semi_supervised.toml` with 100 and 600 labels and three seeds, which choose the labelled examples
too, and a Keras network of the classifier's size on the same labels; writes semi_supervised.json and the table
semi_supervised.md to this folder. A run that exists is read, not repeated, so that the script can be stopped and
started again.

    python -m benchmarks semi_supervised --runs runs/benchmark-semi-supervised
    python -m benchmarks semi_supervised --render  # semi_supervised.md again, from semi_supervised.json
"""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import probvae
from benchmarks.results import measured, parser_of, read, render, write
from probvae.data import DataSettings, FashionMini

HERE = Path(__file__).parent
SPEC = HERE.parent / "examples" / "semi_supervised.toml"
LABELS = (100, 600)
SEEDS = (0, 1, 2)
MODELS = ("semi-supervised", "labels alone")
ALPHA = {100: 600.0, 600: 100.0}
"""The weight of a labelled example for each number of labels: the weight of all of them together is the same."""
STEPS, EVERY = 2000, 20
"""How many steps the network alone takes, and after how many of them its validation loss is measured."""


def semi_supervised(folder: Path, labels: int, seed: int) -> dict[str, Any]:
    """The test accuracy of a model that sees all training examples."""
    settings = {
        "data.labelled": labels,
        "data.label_seed": seed,
        "objective.alpha": ALPHA[labels],
        "train.seed": seed,
        "evaluate.samples": 2,
    }
    if not (folder / "evaluation.json").exists():
        overrides = [f"{key}={value}" for key, value in settings.items()]
        probvae.train(SPEC, folder, resume=folder.exists(), overrides=overrides)
    evaluation = json.loads((folder / "evaluation.json").read_text())
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "accuracy": evaluation["accuracy"]["value"],
        "standard_error": evaluation["accuracy"]["standard_error"],
        "epoch": evaluation["epoch"],
        "seconds": sum(row["seconds"] for row in rows),
    }


def supervised(labels: int, seed: int, hidden: int, batch_size: int, learning_rate: float) -> dict[str, Any]:
    """The test accuracy of a network of the same size, trained on the labelled examples alone.

    They are binarised afresh at every step, as for the model, and the weights with the lowest validation loss are
    kept.
    """
    data = DataSettings("labels", labels, seed).data(FashionMini().load())
    labels_of = np.asarray(data.train.labels)
    known = np.flatnonzero(labels_of != -1)
    x, y = data.train.unbinarised(known), labels_of[known]
    validation, test = (part.batch(slice(None), tf.constant([0, 0])) for part in (data.validation, data.test))
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(hidden, "relu", kernel_initializer="he_normal"),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(learning_rate), loss)
    rng, best, weights, kept = np.random.default_rng(seed), math.inf, network.get_weights(), 0
    for step in range(1, STEPS + 1):
        rows = rng.choice(len(x), min(batch_size, len(x)), replace=False)
        network.train_on_batch((rng.random((len(rows), *x.shape[1:])) < x[rows]).astype(np.float32), y[rows])
        if step % EVERY == 0:
            found = float(loss(validation.labels, network(validation.x)))
            if found < best:
                best, weights, kept = found, network.get_weights(), step
    network.set_weights(weights)
    right = np.asarray(tf.argmax(network(test.x), axis=-1) == test.labels)
    share = float(right.mean())
    return {"accuracy": share, "standard_error": math.sqrt(share * (1 - share) / len(right)), "step": kept}


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    rows = results["rows"]
    lines = [
        "# A semi-supervised model and a network on the labels alone",
        "",
        " ".join([f"Measured on {results['date']} at commit `{results['commit']}`.", *results["remarks"]]),
        "",
        "`examples/semi_supervised.toml` on `fashion_mini`, of 6,000 training and 1,000 test images, "
        f"with labels of {' and '.join(f'{labels} (alpha = {ALPHA[labels]:g})' for labels in LABELS)} training "
        f"images, against a Keras network of the classifier's size (784-{results['hidden']}-10) on these images "
        "alone, binarised in the same way. Of both, the weights with the lowest loss on the labelled validation "
        "images are kept. A seed chooses the labelled images too.",
        "",
        "Accuracy on the test images: the mean over three seeds ± its standard error over the seeds, and the "
        "accuracy with each seed, whose standard error over the test images is about "
        f"{statistics.mean(row['standard_error'] for row in rows):.3f}.",
        "",
        "| labels | model | accuracy | each seed |",
        "|---|---|---|---|",
    ]
    for labels in LABELS:
        of_both = [accuracies(rows, labels, model) for model in MODELS]
        for model, found in zip(MODELS, of_both, strict=True):
            each = ", ".join(f"{value:.3f}" for value in found)
            lines.append(f"| {labels} | {model} | {mean_and_error(found)} | {each} |")
        gains = [one - other for one, other in zip(*of_both, strict=True)]
        each = ", ".join(f"{gain:+.3f}" for gain in gains)
        lines.append(f"| {labels} | difference | {mean_and_error(gains)} | {each} |")
    lines += ["", "Made by `python -m benchmarks semi_supervised`; the numbers are in `semi_supervised.json`.", ""]
    return "\n".join(lines)


def mean_and_error(values: list[float]) -> str:
    """A mean and its standard error."""
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) / math.sqrt(len(values)):.3f}"


def accuracies(rows: list[dict[str, Any]], labels: int, model: str) -> list[float]:
    """The accuracies of a model, in the order of the seeds."""
    return [row["accuracy"] for row in rows if (row["labels"], row["model"]) == (labels, model)]


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, and write the results."""
    parser = parser_of("semi_supervised", __doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark-semi-supervised"))
    parser.add_argument("--render", action="store_true", help="only write the table again, from the numbers")
    options = parser.parse_args(arguments)
    if options.render:
        results = read("semi_supervised")
    else:
        hidden, batch_size, learning_rate = 128, 100, 1e-3  # as in the spec
        rows: list[dict[str, Any]] = []
        for labels in LABELS:
            for seed in SEEDS:
                found = semi_supervised(options.runs / f"{labels}-labels-seed-{seed}", labels, seed)
                rows.append({"labels": labels, "seed": seed, "model": MODELS[0], **found})
                found = supervised(labels, seed, hidden, batch_size, learning_rate)
                rows.append({"labels": labels, "seed": seed, "model": MODELS[1], **found})
        results = measured(hidden=hidden, rows=rows)
        write("semi_supervised", results)
    render("semi_supervised", results, table)

"""How many images a second does training take, compared with what people would otherwise use?

Each contestant (`benchmarks/contestants/`) trains the same model on the same images in batches of the same size,
in a process of its own, and they take turns. The losses must fall alike, so that none is compared with one that
does less. Those of PyTorch need an environment of their own: `sh benchmarks/contestants/install.sh .venv-peers`.

    python -m benchmarks training --peers .venv-peers/bin/python
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from benchmarks.charts import bars
from benchmarks.results import measured, page, parser_of, render, write
from benchmarks.turns import interleaved, ratios
from probvae.core import Array
from probvae.data import FashionMini


class Model(NamedTuple):
    """A model, and how it is trained.

    Args:
        about: what it is.
        batch: the images in a step.
        steps: the steps in a turn.
    """

    about: str
    batch: int
    steps: int


MODELS = {
    "conv": Model("convolutions 32, 64; transposed 64, 32; 2 latents", 256, 40),
    "dense": Model("784-400-20", 128, 400),
    "gated": Model("784-300-300-40, gated", 100, 400),
}


PRECISIONS = ("float32", "bfloat16")


class Contestant(NamedTuple):
    """A way to train.

    Args:
        script: the module in `benchmarks.contestants`.
        arguments: those of the script.
        precisions: those that it is measured in.
        models: those that it is measured on.
        peer: whether it needs the other environment.
    """

    script: str
    arguments: tuple[str, ...] = ()
    precisions: tuple[str, ...] = PRECISIONS
    models: tuple[str, ...] = tuple(MODELS)
    peer: bool = False


CONTESTANTS = {
    "probvae": Contestant("probvae_trainer"),
    "TensorFlow loop": Contestant("tf_loop"),
    "TensorFlow loop, eager": Contestant("tf_loop", ("eager",), ("float32",), ("conv",)),
    "Keras fit": Contestant("keras_fit", precisions=("float32",)),
    "PyTorch": Contestant("torch_loop", peer=True),
    "PyTorch, compiled": Contestant("torch_loop", ("compile",), peer=True),
    "Pythae": Contestant("pythae_trainer", precisions=("float32",), peer=True),
}

ALIKE = 0.05
"""By how much, relatively, the loss of a contestant may differ from the median of all after the same steps."""


def images(count: int) -> Array:
    """Bytes of real images: the packaged subset of Fashion-MNIST, repeated."""
    return np.resize(np.asarray(FashionMini().load().train.stored), (count, 28, 28, 1))


def compared(name: str, precision: str, peers: str, rounds: int) -> dict[str, Any]:
    """One model in one precision: the row of each contestant.

    Raises:
        SystemExit: a loss does not fall as that of the others.
    """
    model = MODELS[name]
    count = model.steps * model.batch
    commands = {
        label: [
            peers if one.peer else sys.executable,
            "-m",
            f"benchmarks.contestants.{one.script}",
            *one.arguments,
        ]
        for label, one in CONTESTANTS.items()
        if precision in one.precisions and name in one.models and (peers or not one.peer)
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        np.save(file, images(count))
        task = {"model": name, "precision": precision, "batch": model.batch, "steps": model.steps}
        raw = interleaved(commands, {**task, "images": str(file)}, rounds)
    losses = {label: one["turns"][-1]["loss"] for label, one in raw.items()}
    usual = statistics.median(losses.values())
    if different := {label: loss for label, loss in losses.items() if abs(loss / usual - 1) > ALIKE}:
        raise SystemExit(f"{name}: expected losses within {ALIKE:.0%} of {usual:.1f} nats; got {different}.")
    seconds = {label: [turn["seconds"] for turn in one["turns"]] for label, one in raw.items()}
    return {
        label: {
            "parameters": one["facts"]["parameters"],
            "loss": losses[label],
            "images_per_second": [count / each for each in seconds[label]],
            "probvae_over_it": ratios(seconds[label], seconds["probvae"]),
        }
        for label, one in raw.items()
    }


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        f"Images per second: the median of {results['rounds']} turns, and their range. All contestants take "
        "turns, each in a process of its own; a ratio is the median of those of paired turns. The loss is that "
        "of the last turn, in nats per image, after the same number of steps.",
    ]
    for name, by_precision in results["models"].items():
        model = MODELS[name]
        lines += ["", f"## {name}: {model.about}, batch {model.batch}"]
        for precision, rows in by_precision.items():
            lines += [
                "",
                f"| {precision} | images/s | range | probvae is faster by | loss |",
                "|---|---|---|---|---|",
            ]
            for label, row in rows.items():
                speeds, ratio = row["images_per_second"], row["probvae_over_it"]
                lines.append(
                    f"| {label} | {statistics.median(speeds):,.0f} | {min(speeds):,.0f} to {max(speeds):,.0f} "
                    f"| {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}) | {row['loss']:.1f} |"
                )
    return page("training", "Training, compared", results, lines, "images per second of each contestant, as bars")


def picture(results: dict[str, Any]) -> Figure:
    """The images per second of all contestants."""
    panels = {
        f"{name}, {precision}": {label: row["images_per_second"] for label, row in rows.items()}
        for name, by_precision in results["models"].items()
        for precision, rows in by_precision.items()
    }
    return bars("Training", "images per second", panels)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("training", __doc__)
    parser.add_argument(
        "--peers", default="", help="a Python with PyTorch and Pythae; without it they are left out"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    options = parser.parse_args(arguments)
    models: dict[str, Any] = {}
    for name in options.models:
        for precision in options.precisions:
            print(f"{name}, {precision}", file=sys.stderr)
            models.setdefault(name, {})[precision] = compared(name, precision, options.peers, options.rounds)
            results = measured(rounds=options.rounds, models=models)
            write("training", results)  # after each, so that a failure loses little
    render("training", results, table, picture)

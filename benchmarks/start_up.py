"""How long does a user wait for the first output, and where do the seconds go?

Each program is started anew in each round, in turns. The first training step ends when the checkpoint after it is
there (`train.checkpoint_steps = 1`); the program is then stopped.

    python -m benchmarks start_up
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.charts import bars
from benchmarks.results import HERE, measured, page, parser_of, render, write
from benchmarks.turns import alternating

EXAMPLES = HERE.parent / "examples"
PROBVAE = (sys.executable, "-m", "probvae")

PROGRAMS = {
    "Python alone": (sys.executable, "-c", ""),
    "`probvae --help`": (*PROBVAE, "--help"),
    "`probvae list`": (*PROBVAE, "list"),
    "`import probvae`": (sys.executable, "-c", "import probvae"),
    "`import tensorflow`": (sys.executable, "-c", "import tensorflow"),
    "all that a training imports": (
        sys.executable,
        "-c",
        "import probvae.runs.training, probvae.components.plugin",
    ),
}

TRAININGS = {
    "first step, convolutions": ("first.toml",),
    "first step, dense": (
        "first.toml",
        "--set=model.encoder.network.use=dense",
        "--set=model.decoder.network.use=dense",
    ),
    "first step, spline prior": ("first.toml", "--set=model.prior.use=spline"),
}


def finished(command: Sequence[str]) -> None:
    """Run a program to its end."""
    subprocess.run(command, check=True, capture_output=True)


def first_step(spec: str, *options: str) -> None:
    """Start a training, and stop it after its first step.

    Raises:
        SystemExit: it ends before.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [
            *PROBVAE,
            "train",
            str(EXAMPLES / spec),
            *options,
            "--set=train.checkpoint_steps=1",
            f"--out={run}",
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while not (run / "checkpoints" / "step-000001").exists():
                if process.poll() is not None:
                    raise SystemExit(f"{' '.join(command)}: ended with status {process.returncode}.")
                time.sleep(0.005)
            process.kill()


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        f"Seconds from the start of the process, medians of {results['rounds']} turns, and their range.",
        "",
        "| what | seconds | range |",
        "|---|---|---|",
    ]
    for name, seconds in results["seconds"].items():
        lines.append(f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} to {max(seconds):.2f} |")
    return page("start_up", "Start-up", results, lines, "seconds until each is done, as bars")


def picture(results: dict[str, Any]) -> Figure:
    """The seconds of each."""
    return bars("Start-up", "seconds from the start of the process", {"": results["seconds"]})


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("start_up", __doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    turns = {name: partial(finished, command) for name, command in PROGRAMS.items()}
    turns |= {name: partial(first_step, *arguments) for name, arguments in TRAININGS.items()}
    results = measured(rounds=options.rounds, seconds=alternating(turns, options.rounds))
    write("start_up", results)
    render("start_up", results, table, picture)

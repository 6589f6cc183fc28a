"""Is any wrong input answered by a traceback, by gigabytes of memory, or by waiting?

Each kind of input has a generator in `tests/fuzz/` whose cases are functions of their numbers: valid inputs, and
what may happen to them. Each is read as a user's would be, and must be accepted or refused in the project's own
words, within 5 seconds and 2 GB. Writes fuzz.json and the table fuzz.md next to this file. The exit status is 1 if
a case failed, and its traceback is printed. The test suite runs the first few cases.

    python -m benchmarks fuzz data --count 1000
    python -m benchmarks fuzz specs --count 10000
    python -m benchmarks fuzz built --count 100
    python -m benchmarks fuzz folders --count 500
    python -m benchmarks fuzz data --count 1 --first 4711
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import parser_of

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow

HERE = Path(__file__).parent
JSON, TABLE = HERE / "fuzz.json", HERE / "fuzz.md"

sys.path.insert(0, str(HERE.parent))

from tests.fuzz.trials import BYTES, SECONDS, Trial, tried  # noqa: E402


def data_files(first: int, count: int) -> Iterator[Trial]:
    """Data files, read by the dataset that they are given to."""
    from tests.fuzz.data_files import case

    for number in range(first, first + count):
        made = case(number)
        with tempfile.TemporaryDirectory() as folder:
            yield tried(made.name, lambda made=made, folder=folder: made.read(Path(folder)))  # type: ignore[misc]


def specs(first: int, count: int) -> Iterator[Trial]:
    """Specs that are read, overridden, planned and filled, as by `probvae fill`."""
    from tests.fuzz.specs import case

    for number in range(first, first + count):
        made = case(number)
        with tempfile.TemporaryDirectory() as folder:
            yield tried(made.name, lambda made=made, folder=folder: made.use(Path(folder)))  # type: ignore[misc]


def built_specs(first: int, count: int) -> Iterator[Trial]:
    """Specs whose models are built and take a step too, as by `probvae check`."""
    from tests.fuzz.specs import case

    for number in range(first, first + count):
        made = case(number, built=True)
        with tempfile.TemporaryDirectory() as folder:
            yield tried(made.name, lambda made=made, folder=folder: made.use(Path(folder)))  # type: ignore[misc]


def run_folders(first: int, count: int) -> Iterator[Trial]:
    """Folders of a run, which is loaded, and in every fifth case resumed."""
    from tests.fuzz.run_folders import damaged, first_run, use

    with tempfile.TemporaryDirectory() as base:
        run = first_run(Path(base))
        for number in range(first, first + count):
            with tempfile.TemporaryDirectory() as folder:
                name = damaged(number, run.folder, Path(folder) / "run")
                path, resume = Path(folder) / "run", number % 5 == 0
                yield tried(name, lambda path=path, resume=resume: use(path, resume))  # type: ignore[misc]


GENERATORS: dict[str, Callable[[int, int], Iterator[Trial]]] = {
    "data": data_files,
    "specs": specs,
    "built": built_specs,
    "folders": run_folders,
}
"""A subcommand each: from the number of the first case and how many there are to what came of them."""


def main(arguments: Sequence[str]) -> None:
    """Run the cases of one kind; 1 if one failed."""
    parser = parser_of("fuzz", __doc__)
    parser.add_argument("kind", choices=GENERATORS)
    parser.add_argument("--count", type=int, default=1000, help="how many cases")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    options = parser.parse_args(arguments)
    statuses: Counter[str] = Counter()
    slowest = largest = Trial("", "", "", 0.0, 0)
    for trial in GENERATORS[options.kind](options.first, options.count):
        statuses[trial.status] += 1
        slowest = max(slowest, trial, key=lambda trial: trial.seconds)
        largest = max(largest, trial, key=lambda trial: trial.peak)
        if trial.status == "failed":
            print(f"{trial.name}:\n{trial.message}\n", flush=True)
    found = {
        "cases": f"{options.first} to {options.first + options.count - 1}",
        **{status: statuses[status] for status in ("accepted", "refused", "failed")},
        "slowest": {"case": slowest.name, "seconds": round(slowest.seconds, 2)},
        "largest": {"case": largest.name, "megabytes": round(largest.peak / 1e6)},
        "python": platform.python_version(),
    }
    print(json.dumps(found, indent=2))
    record = json.loads(JSON.read_text()) if JSON.exists() else {}
    record[options.kind] = found
    JSON.write_text(json.dumps(record, indent=2) + "\n")
    TABLE.write_text(table(record))
    if statuses["failed"]:
        raise SystemExit(1)


def table(record: dict[str, dict[str, Any]]) -> str:
    """The results of all kinds, as Markdown."""
    lines = [
        "# Wrong inputs",
        "",
        "Made by `python -m benchmarks fuzz`; the numbers are in `fuzz.json`. A case has failed if it ended in a "
        f"traceback, took more than {SECONDS:g} seconds of the processor, or let the process grow by more than "
        f"{BYTES / 1e9:g} GB.",
        "",
        "| inputs | cases | accepted | refused | failed | slowest | most memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, found in record.items():
        numbers = " | ".join(str(found[name]) for name in ("cases", "accepted", "refused", "failed"))
        slowest, largest = found["slowest"]["seconds"], found["largest"]["megabytes"]
        lines.append(f"| {kind} | {numbers} | {slowest} s | {largest} MB |")
    return "\n".join(lines) + "\n"

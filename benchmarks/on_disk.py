"""What does training on a file that does not fit in memory cost, in memory and in speed?

Writes a .npy file of random images, opens it as the dataset `arrays` with `in_memory = false`, and trains a
convolutional model and a dense one on it and, in alternating epochs of the same process, on some of its images in
memory. Measures the memory of the process above that before the file was opened (TensorFlow and the models), the
images per second of both, and the reads from the disk itself (the rest is in the system's page cache). Writes
on_disk.json and on_disk.md next to this file; the data is deleted unless --keep is given.

    python -m benchmarks on_disk --gigabytes 10 --folder /a/disk/with/room
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import keras
import numpy as np

from benchmarks.reference import EVENT, conv, dense
from benchmarks.results import parser_of
from probvae import Split
from probvae.data import Arrays, Batches
from probvae.objectives import ELBO
from probvae.training.adam import Adam
from probvae.training.steps import CompiledSteps

HERE = Path(__file__).parent
GIGA, MEBI = 10**9, 2**20
ROWS = 4096  # images that are written at a time


def resident() -> int:
    """The bytes of this process that are in memory, its own and of files that it has mapped."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines["VmRSS"].split()[0])


def from_disk() -> int:
    """The bytes that this process has caused to be read from a disk."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["read_bytes"])


class Watch:
    """Looks at the resident memory every so often, and keeps the most it saw."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.most = 0
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self._seconds):
            self.most = max(self.most, resident())


@contextmanager
def made(path: Path, gigabytes: float, keep: bool) -> Iterator[int]:
    """Write a file of random images [N, 28, 28, 1]; their number."""
    count = round(gigabytes * GIGA / 784)
    rng = np.random.default_rng(0)
    try:
        with open(path, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (count, 28, 28, 1)}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, count, ROWS):
                file.write(rng.bytes(784 * min(ROWS, count - start)))
            os.fsync(file.fileno())  # now, not while something is measured
        yield count
    finally:
        if not keep:
            path.unlink(missing_ok=True)


KINDS = {"conv": (conv, False, 100), "dense, XLA": (dense, True, 400)}
"""What makes a model, whether XLA compiles it, and how many steps are a turn."""


class Training:
    """A model in training on a split, from its first step on."""

    def __init__(self, kind: str, split: Split, batch_size: int) -> None:
        make, jit, self.turn = KINDS[kind]
        keras.utils.set_random_seed(0)
        vae = make()
        optimizer = Adam(1e-3)
        optimizer.build(vae.trainable_variables)
        self.steps = CompiledSteps(vae, ELBO(), optimizer, seed=0, jit=jit)
        self.done = 0
        self.use(split, batch_size)
        self.take()  # traced, compiled, and TensorFlow's own memory taken

    def use(self, split: Split, batch_size: int) -> None:
        """Continue with the examples of a split."""
        self.batches = Batches(split, batch_size, seed=0)
        self.stream = self.batches.stream(self.done)

    def take(self) -> float:
        """Take the steps of a turn; the images per second."""
        began = time.perf_counter()
        taken = self.steps.run(self.stream, self.done, self.turn)
        seconds = time.perf_counter() - began
        assert taken.applied.all()
        self.done += self.turn
        return self.turn * self.batches.size / seconds


def compared(file: Training, memory: Training, rounds: int) -> dict[str, Any]:
    """Both speeds, measured in alternating epochs."""
    file.take()
    memory.take()
    speeds: dict[str, list[float]] = {"on_disk": [], "in_memory": []}
    read = 0
    for number in range(rounds):
        turns = [("on_disk", file), ("in_memory", memory)]
        for name, training in turns if number % 2 else reversed(turns):
            before = from_disk()
            speeds[name].append(training.take())
            read += from_disk() - before
    ratios = [one / other for one, other in zip(*speeds.values(), strict=True)]
    return {
        "images": rounds * file.turn * file.batches.size,
        "images_per_second": {name: statistics.median(values) for name, values in speeds.items()},
        "ratio": statistics.median(ratios),
        "quartiles": statistics.quantiles(ratios, n=4)[::2],
        "bytes_from_disk": read,
    }


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The numbers."""
    path = folder / "on_disk.npy"
    rng = np.random.default_rng(1)
    size = options.batch_size
    warm_up = Split(rng.integers(0, 256, (4096, *EVENT), np.uint8), divide_by=255.0, binarize_on_read=True)
    pairs = {kind: [Training(kind, warm_up, size) for _ in range(2)] for kind in KINDS}
    with made(path, options.gigabytes, options.keep) as count:
        before = resident()
        with Watch() as opening:
            began = time.perf_counter()
            data = Arrays(str(path), divide_by=255.0, binarize="dynamic", in_memory=False).load()
            seconds = time.perf_counter() - began
        with Watch() as training:  # nothing is in memory yet, so that nothing else is in the number
            for file, _ in pairs.values():
                file.use(data.train, size)
                for _ in range(options.rounds):
                    file.take()
        subset = Split(data.train.stored[: options.subset], divide_by=255.0, binarize_on_read=True)
        rows = {}
        for kind, (file, memory) in pairs.items():
            memory.use(subset, size)
            rows[kind] = compared(file, memory, options.rounds)
        file_bytes = path.stat().st_size
    return {
        "file_bytes": file_bytes,
        "images": count,
        "subset": len(subset),
        "batch_size": size,
        "opening_seconds": seconds,
        "resident_before": before,
        "most_above_before": {"opening": opening.most - before, "training": training.most - before},
        "kinds": rows,
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}, {os.cpu_count()} cores",
    }


def table(found: dict[str, Any]) -> str:
    """The numbers in Markdown."""
    above = {name: value / MEBI for name, value in found["most_above_before"].items()}
    lines = [
        "# Training on a file that does not fit in memory",
        "",
        f"A .npy file of {found['file_bytes'] / GIGA:.1f} GB, {found['images']:,} random images of 28x28 bytes, "
        f"as `arrays` with `in_memory = false`; batches of {found['batch_size']}, binarised anew at every step; "
        f"{found['machine']}.",
        "",
        "Peak resident memory above that before the file was opened (TensorFlow, the "
        f"models and their optimizers: {found['resident_before'] / MEBI:,.0f} MiB): {above['opening']:,.0f} MiB "
        "while it was opened, which reads all values once and orders the images, in "
        f"{found['opening_seconds']:.0f} seconds; {above['training']:,.0f} MiB in training.",
        "",
        f"Images per second, medians of alternating epochs, and the same model on {found['subset']:,} of the "
        "images in memory. An image is 784 bytes; reads from the disk itself are in pages of 4,096 "
        "bytes.",
        "",
        "| model | on disk | in memory | ratio | quartiles | from the disk, per image |",
        "|---|---|---|---|---|---|",
    ]
    for kind, row in found["kinds"].items():
        speed, (low, high) = row["images_per_second"], row["quartiles"]
        lines.append(
            f"| {kind} | {speed['on_disk']:,.0f} | {speed['in_memory']:,.0f} | {row['ratio']:.3f} "
            f"| {low:.3f}, {high:.3f} | {row['bytes_from_disk'] / row['images']:,.0f} bytes |"
        )
    return "\n".join(
        [*lines, "", "Made by `python -m benchmarks on_disk`; the numbers are in `on_disk.json`.", ""]
    )


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("on_disk", __doc__)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, help="where the data is written; a temporary folder if not given")
    parser.add_argument("--keep", action="store_true", help="leave the data there")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--subset", type=int, default=60_000, help="how many images are in memory")
    parser.add_argument("--rounds", type=int, default=10, help="epochs of each")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(options.folder or Path(temporary), options)
    (HERE / "on_disk.json").write_text(json.dumps(found, indent=1) + "\n")
    (HERE / "on_disk.md").write_text(table(found))
    print(table(found))

"""What does training on a memory-mapped file cost, in memory and in speed?

Writes a .npy file of random images, opens it as the dataset `arrays` with `memory_map`, and trains a dense model
on it and, in turns in the same process, on some of its images in memory. Tells how much memory the process took
above what it had before the file was opened (TensorFlow and the model), and the images per second of both. Writes
memory_mapped.json and memory_mapped.md beside this file; the data is deleted unless --keep is given.

    python benchmarks/memory_mapped.py --gigabytes 10 --folder /a/disk/with/room
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import keras
import numpy as np

from probvae import VAE
from probvae.components import Bernoulli, DenseDecoder, DenseEncoder, DiagonalNormal, StandardNormal
from probvae.core import Split
from probvae.data import Arrays, batches_of
from probvae.objectives import ELBO
from probvae.training.steps import Steps

HERE = Path(__file__).parent
GIGA, MEBI = 10**9, 2**20
ROWS = 4096  # images that are written at a time


def resident() -> dict[str, int]:
    """The bytes of this process that are in memory: its own (anon), and those of files it has mapped (file)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    kinds = {"anon": ("RssAnon",), "file": ("RssFile", "RssShmem")}
    return {kind: 1024 * sum(int(lines[name].split()[0]) for name in names) for kind, names in kinds.items()}


class Watch:
    """Looks at the resident memory every so often, and keeps the most it saw."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.most = {"anon": 0, "file": 0, "both": 0}
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
            now = resident()
            now["both"] = sum(now.values())
            self.most = {name: max(most, now[name]) for name, most in self.most.items()}


@contextmanager
def made(path: Path, gigabytes: float, keep: bool) -> Iterator[int]:
    """A file of so many random images [N, 28, 28, 1]; how many they are."""
    count = round(gigabytes * GIGA / 784)
    rng = np.random.default_rng(0)
    try:
        with open(path, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (count, 28, 28, 1)}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, count, ROWS):
                file.write(rng.bytes(784 * min(ROWS, count - start)))
        yield count
    finally:
        if not keep:
            path.unlink(missing_ok=True)


class Training:
    """A dense model in training on a split, from its first step on."""

    def __init__(self, split: Split, batch_size: int) -> None:
        keras.utils.set_random_seed(0)
        event = (28, 28, 1)
        encoder = DenseEncoder(event, DiagonalNormal(16))
        vae = VAE(encoder, DenseDecoder(16, Bernoulli(event)), StandardNormal(16))
        optimizer = keras.optimizers.Adam(1e-3)
        optimizer.build(vae.trainable_variables)
        self.steps = Steps(vae, ELBO(), optimizer, seed=0, jit=True)
        self.done = 0
        self.use(split, batch_size)

    def use(self, split: Split, batch_size: int) -> None:
        """Go on with the examples of a split."""
        self.batches = batches_of(split, batch_size, seed=0)
        self.stream = self.batches.stream(self.done)

    def take(self, count: int) -> float:
        """Take so many steps; the images per second."""
        began = time.perf_counter()
        taken = self.steps.take(self.stream, self.done, count)
        seconds = time.perf_counter() - began
        assert taken.applied.all()
        self.done += count
        return count * self.batches.size / seconds


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The numbers."""
    path = folder / "memory_mapped.npy"
    rng = np.random.default_rng(1)
    warm_up = Split(rng.integers(0, 256, (4096, 28, 28, 1), np.uint8), divide_by=255.0, dynamic=True)
    file, memory = (Training(warm_up, options.batch_size) for _ in range(2))
    for training in (file, memory):
        training.take(options.steps)  # traced, compiled, and TensorFlow's own memory taken
    with made(path, options.gigabytes, options.keep) as count:
        before = resident()
        with Watch() as opening:
            began = time.perf_counter()
            data = Arrays(str(path), divide_by=255.0, binarize="dynamic", memory_map=True).load()
            seconds = time.perf_counter() - began
        with Watch() as mapped:  # alone, so that nothing else is in the numbers
            file.use(data.train, options.batch_size)
            for _ in range(options.rounds):
                file.take(options.steps)
        subset = data.train.stored[: options.subset]
        memory.use(Split(subset, divide_by=255.0, dynamic=True), options.batch_size)
        speeds: dict[str, list[float]] = {"file": [], "memory": []}
        for number in range(options.rounds):
            turns = [("file", file), ("memory", memory)]
            for name, training in turns if number % 2 else reversed(turns):
                speeds[name].append(training.take(options.steps))
        size = path.stat().st_size
    ratios = [one / other for one, other in zip(speeds["file"], speeds["memory"], strict=True)]
    return {
        "file_bytes": size,
        "images": count,
        "subset": len(subset),
        "batch_size": options.batch_size,
        "steps": options.rounds * options.steps,
        "opening_seconds": seconds,
        "resident_before": before,
        "most_above_before": {
            name: {kind: watch.most[kind] - before[kind] for kind in before}
            | {"both": watch.most["both"] - sum(before.values())}
            for name, watch in (("opening", opening), ("training", mapped))
        },
        "images_per_second": {name: statistics.median(values) for name, values in speeds.items()},
        "ratio": statistics.median(ratios),
        "ratios": [min(ratios), max(ratios)],
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
    }


def table(found: dict[str, Any]) -> str:
    """The numbers in Markdown."""
    above, speed = found["most_above_before"], found["images_per_second"]
    rows = [
        f"| {name} | {above[name]['anon'] / MEBI:,.0f} | {above[name]['file'] / MEBI:,.0f} "
        f"| {above[name]['both'] / MEBI:,.0f} |"
        for name in ("opening", "training")
    ]
    return "\n".join(
        [
            "# Training on a memory-mapped file",
            "",
            f"A .npy file of {found['file_bytes'] / GIGA:.1f} GB, {found['images']:,} random images of 28x28 "
            "bytes, as `arrays` with `memory_map = true`; a dense model with 16 latents, compiled by XLA, batches "
            f"of {found['batch_size']}, binarised afresh at every step; {found['machine']}.",
            "",
            "Resident memory at its most, above what the process had before the file was opened (TensorFlow, the "
            f"model and its optimizer: {sum(found['resident_before'].values()) / MEBI:,.0f} MiB), in MiB. Opening "
            f"looks at all values once and orders the images; it took {found['opening_seconds']:.0f} seconds.",
            "",
            "| | the process's own | of mapped files | together |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Images per second, median of turns of {found['steps']:,} steps in all, beside the same model on "
            f"{found['subset']:,} of the images in memory:",
            "",
            "| memory-mapped | in memory | ratio | smallest and largest ratio |",
            "|---|---|---|---|",
            f"| {speed['file']:,.0f} | {speed['memory']:,.0f} | {found['ratio']:.3f} "
            f"| {found['ratios'][0]:.3f}, {found['ratios'][1]:.3f} |",
            "",
            "Made by `benchmarks/memory_mapped.py`; the numbers are in `memory_mapped.json`.",
            "",
        ]
    )


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, help="where the data is written; a temporary folder if not given")
    parser.add_argument("--keep", action="store_true", help="leave the data there")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--subset", type=int, default=60_000, help="how many images are in memory")
    parser.add_argument("--steps", type=int, default=400, help="steps of a turn")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(options.folder or Path(temporary), options)
    (HERE / "memory_mapped.json").write_text(json.dumps(found, indent=1) + "\n")
    (HERE / "memory_mapped.md").write_text(table(found))
    print(table(found))


if __name__ == "__main__":
    main()

"""Kills a training again and again, and lets it go on each time. Used by test_killed and benchmarks/faults.py.

A life ends by SIGKILL, either at a random instant or just before a random operation on a file of the run: a
folder made, a file opened, renamed, removed. The second kind visits every stage of writing a checkpoint, whose
moments are too short to be met by chance.

    python faults.py SPEC FOLDER resume|new OPERATIONS    one life, which kills itself before that operation
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.scandir")
TIMINGS = ("seconds", "examples_per_second")


@dataclass
class Lives:
    """What became of a training that was killed.

    Args:
        kills: how many lives ended by SIGKILL, by what they were doing.
        skipped: what was said of checkpoints that were not whole; a kill must leave none.
    """

    kills: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)


def killed_until_done(spec: Path, folder: Path, kills: int, seed: int) -> Lives:
    """Train in as many lives as it takes, the first `kills` of which are cut short.

    Raises:
        RuntimeError: a life ended in another way than by our hand.
    """
    rng, lives = random.Random(seed), Lives()
    while True:
        left = kills - lives.kills.total()
        before = newest_step(folder)
        by_operation = left > 0 and rng.random() < 0.5
        operation = rng.randint(1, 60) if by_operation else 0
        resume = "resume" if (folder / "spec.toml").exists() else "new"
        command = [sys.executable, __file__, str(spec), str(folder), resume, str(operation)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if left > 0 and not by_operation:
            wait_for_progress(process, folder, before)
            time.sleep(rng.expovariate(2.0))
            process.kill()
        text, _ = process.communicate()
        lives.skipped += [line for line in text.splitlines() if line.startswith("skipped")]
        if process.returncode == 0:
            return lives
        if process.returncode != -signal.SIGKILL:
            raise RuntimeError(f"a life ended with status {process.returncode}:\n{text}")
        last = text.rstrip().rpartition("\n")[2]
        doing = re.sub(r"step-\d+", "step-N", last) if last.startswith("before ") else "a random instant"
        lives.kills[doing] += 1


def wait_for_progress(process: subprocess.Popen[str], folder: Path, before: int) -> None:
    """Wait until a life has saved something new, so that lives that are all too short come to an end."""
    while process.poll() is None and newest_step(folder) <= before:
        time.sleep(0.01)


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint, whole or not; -1 if there is none."""
    return max((int(path.name[5:]) for path in (folder / "checkpoints").glob("step-*")), default=-1)


def outcome(folder: Path) -> dict[str, Any]:
    """Everything that a training leaves, but for times and names: bytes of every array, and the losses."""
    checkpoints = {}
    for path in sorted((folder / "checkpoints").glob("step-*")):
        state = json.loads((path / "state.json").read_text())
        totals = {name: value for name, value in state.pop("totals").items() if name != "seconds"}
        files = {name: (path / name).read_bytes() for name in ("weights.safetensors", "optimizer.safetensors")}
        checkpoints[path.name] = {"state": state | {"run": None, "totals": totals}, **files}
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "checkpoints": checkpoints,
        "rows": [{name: value for name, value in row.items() if name not in TIMINGS} for row in rows],
        "evaluation": json.loads((folder / "evaluation.json").read_text()),
    }


def live(spec: str, folder: str, resume: str, operation: int) -> None:
    """One life."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    left = operation

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if not left or event not in OPERATIONS or not str(arguments[0]).startswith(f"{folder}{os.sep}"):
            return
        if event == "open" and not set(str(arguments[1] or "")) & set("wa+x"):
            return
        left -= 1
        if not left:
            what = Path(str(arguments[0]))
            print(f"\nbefore {event} {what.name if what.suffix else what.parent.name or what.name}", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    import probvae.runs.training

    probvae.runs.training.draw_figures = lambda *_: None
    probvae.runs.training.train(spec, folder, resume=resume == "resume")


if __name__ == "__main__":
    live(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))

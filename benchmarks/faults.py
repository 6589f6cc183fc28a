"""Does a training that is killed at any instant and resumed give the results of an uninterrupted one?

Each kind of training is run once without interruption, and then repeatedly with SIGKILLs at random instants and
before random operations on its files (`tests/runs/faults.py`), until there are enough of them. The final weights,
the optimizer's variables, the losses and the evaluation must be equal bit for bit. Writes faults.json and the
table faults.md to this folder; kinds that are in them are not repeated.

    python -m benchmarks faults --kills 100
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from benchmarks.results import parser_of

HERE = Path(__file__).parent
JSON, TABLE = HERE / "faults.json", HERE / "faults.md"
PER_RUN = 10
"""How many kills a single training takes, at most."""

sys.path.insert(0, str(HERE.parent / "tests" / "runs"))

from faults import killed_until_done, outcome  # noqa: E402

PARTS = {
    "dense": ({"use": "dense", "hidden": [100]}, {"use": "dense", "hidden": [100]}),
    "conv": ({"use": "conv", "filters": [8, 16]}, {"use": "conv_transpose", "filters": [16, 8]}),
}
KINDS = [
    (parts, precision, where)
    for parts in PARTS
    for precision in ("float32", "mixed_bfloat16")
    for where in ("in memory", "on disk")
]


def spec(parts: str, precision: str, where: str, images: Path) -> dict[str, Any]:
    """A training of some ten seconds, which saves every few steps."""
    down, up = PARTS[parts]
    data = {"use": "arrays", "train": str(images), "divide_by": 255.0, "binarize": "dynamic"}
    return {
        "schema": 1,
        "model": {
            "latent_dim": 2,
            "encoder": {"network": down},
            "decoder": {"network": up, "likelihood": {"use": "bernoulli"}},
            "prior": {"use": "mixture", "components": 8},
        },
        "objective": {"use": "elbo", "warmup_epochs": 2},
        "data": {**data, "in_memory": where == "in memory"},
        "train": {
            "epochs": 40 if parts == "dense" else 12,
            "batch_size": 128,
            "schedule": "cosine",
            "clip_norm": 5.0,
            "precision": precision,
            "checkpoint_steps": 7,
        },
        "evaluate": {"samples": 5},
    }


def measured(kind: tuple[str, str, str], kills: int, folder: Path) -> dict[str, Any]:
    """The row of a kind of training."""
    from probvae.data import FashionMini

    images = folder / "images.npy"
    np.save(images, FashionMini(binarize="none").load().train.stored[:4000])
    file = folder / "spec.toml"
    file.write_text(tomli_w.dumps(spec(*kind, images)))
    killed_until_done(file, folder / "whole", kills=0, seed=0)
    whole, found = outcome(folder / "whole"), Counter[str]()
    row = {"runs": 0, "different": 0, "passed_over": 0}
    start = time.monotonic()
    while found.total() < kills:
        again = folder / "killed"
        seed = 1000 * KINDS.index(kind) + row["runs"]
        lives = killed_until_done(file, again, min(PER_RUN, kills - found.total()), seed)
        found += lives.kills
        row["runs"] += 1
        row["different"] += outcome(again) != whole
        row["passed_over"] += len(lives.skipped)
        shutil.rmtree(again)
        print(f"{' '.join(kind)}: {found.total()} of {kills} kills, {row['different']} different", flush=True)
    return {"kills": found, **row, "seconds": round(time.monotonic() - start)}


def table(rows: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        "# Trainings that were killed and resumed",
        "",
        f"{sum(sum(row['kills'].values()) for row in rows.values())} SIGKILLs, each followed by a resume. A run "
        "is equal if its weights, the optimizer's variables, the losses and the evaluation are equal bit for bit.",
        "",
        "| training | kills | runs | different from the uninterrupted one | damaged checkpoints |",
        "|---|---|---|---|---|",
    ]
    for kind, row in rows.items():
        kills = sum(row["kills"].values())
        lines.append(f"| {kind} | {kills} | {row['runs']} | {row['different']} | {row['passed_over']} |")
    where = Counter[str]()
    for row in rows.values():
        where.update(row["kills"])
    lines += ["", "What the process was doing when it was killed:", "", "| | kills |", "|---|---|"]
    lines += [f"| {what} | {count} |" for what, count in where.most_common()]
    return "\n".join([*lines, "", "Made by `python -m benchmarks faults`; the numbers are in `faults.json`.", ""])


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, and write the results."""
    parser = parser_of("faults", __doc__)
    parser.add_argument("--kills", type=int, default=100, help="how many in all, shared by the kinds of training")
    options = parser.parse_args(arguments)
    rows = json.loads(JSON.read_text()) if JSON.exists() else {}
    for kind in KINDS:
        if ", ".join(kind) in rows:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows[", ".join(kind)] = measured(kind, -(-options.kills // len(KINDS)), Path(folder))
        JSON.write_text(json.dumps(rows, indent=1) + "\n")
        TABLE.write_text(table(rows))
    print(f"Written: {TABLE}")

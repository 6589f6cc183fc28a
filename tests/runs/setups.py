"""Specs and data that train within a second, and what a run leaves behind."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from safetensors.numpy import load_file

import probvae
from probvae.data import Arrays
from probvae.data.datasets.mini import FILE
from probvae.registry import Registry
from probvae.runs import Run
from probvae.runs.environment import DataRecord
from probvae.specs import plan
from probvae.specs import read as read_spec

from . import outputs

PRIORS = {
    "standard_normal": {"use": "standard_normal"},
    "mixture": {"use": "mixture", "components": 4},
    "vamp": {"use": "vamp", "pseudo_inputs": 4},
    "exemplar": {"use": "exemplar", "exemplars": 8},
    "hierarchical": {"use": "hierarchical", "lower": {"network": {"use": "dense", "hidden": [8]}}},
    # One layer of each flow: tracing more of them is what would take the time.
    "realnvp": {"use": "realnvp", "couplings": 1, "hidden": [8]},
    "maf": {"use": "maf", "layers": 1, "hidden": [8]},
    "autoregressive": {"use": "autoregressive", "layers": 1, "hidden": [8]},
    "spline": {"use": "spline", "couplings": 1, "hidden": [8], "bins": 2},
    "laplace": {"use": "laplace"},
    "concrete": {"use": "concrete"},
    "conditional": {"use": "conditional", "network": {"use": "dense", "hidden": [8]}},
}
PARTS = {
    "dense": ({"use": "dense", "hidden": [16]}, {"use": "dense", "hidden": [16]}),
    "conv": (
        {"use": "conv", "filters": [4, 8]},
        {"use": "conv_transpose", "filters": [8, 4], "base_filters": 4},
    ),
}


def spec(data, prior="standard_normal", parts="dense", likelihood="bernoulli", **train):
    """A spec as a dict; without XLA unless `train` says so, as compiling takes longer than such a training."""
    down, up = PARTS[parts]
    encoder, decoder = {"network": down}, {"network": up, "likelihood": {"use": likelihood}}
    if prior == "conditional":
        data = {**data, "condition": "labels"}
    if prior == "concrete":
        encoder["posterior"] = {"use": "concrete"}
    return {
        "schema": 1,
        "model": {"latent_dim": 2, "encoder": encoder, "decoder": decoder, "prior": PRIORS[prior]},
        "objective": {"use": "elbo"},
        "data": data,
        "train": {"epochs": 3, "batch_size": 16, "learning_rate": 1e-2, "jit": False, **train},
        "evaluate": {"samples": 5},
    }


def read(path):
    """The arrays of an .npz file."""
    with np.load(path) as file:
        return dict(file)


def clothes(folder, count=200):
    """The [data] table of `count` real images, with labels."""
    with np.load(FILE) as file:
        x, y = file["train"][:count], file["train_labels"][:count]
    test, validation = count // 5, count // 4
    bounds = {"test": (0, test), "validation": (test, validation + test), "train": (validation + test, count)}
    arrays = {name: x[slice(*rows)] for name, rows in bounds.items()}
    arrays |= {f"{name}_labels": y[slice(*rows)] for name, rows in bounds.items()}
    return stored(folder / "clothes.npz", arrays, divide_by=255.0, binarize="dynamic")


def tiny_images(folder, **how):
    """The [data] table of 4x4 images with labels; the last of three training batches is smaller."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, count in {"train": 40, "validation": 12, "test": 10}.items():
        labels = np.arange(count) % 3
        bright = rng.random((count, 4, 4)) < (labels[:, None, None] + 1) / 5
        arrays[name] = np.where(bright, 230, 20).astype(np.uint8)
        arrays[f"{name}_labels"] = labels
    return stored(folder / "tiny.npz", arrays, **{"divide_by": 255.0, "binarize": "dynamic", **how})


def stored(path, arrays, **how):
    np.savez(path, **arrays)
    return {"use": "arrays", "train": str(path), **how}


ROW = {"epoch": 1, "step": 3, "train/loss": 12.0, "validation/loss": 11.5}
"""An epoch as metrics.jsonl has it."""


def after_an_epoch(place, name, **train):
    """The folder of a run after its first epoch and an evaluation, without a training."""
    table = tiny_images(place)
    filled = plan(read_spec(spec(table, **train)), Registry()).filled()
    run = Run(place / name, filled | {"versions": {}})
    data = Arrays(table["train"], divide_by=255.0, binarize="dynamic").load()
    run.create(DataRecord.of(data), [], {"kl": "exact"})
    run.metrics_file.write_text(json.dumps(ROW) + "\n")
    evaluation = {"epoch": 1, "importance_weighted": {"value": -10.0, "standard_error": 0.5}}
    run.evaluation_file.write_text(json.dumps(evaluation))
    return run


def train(spec, out, registry=None, **options):
    """Train with a registry of its own; returns the run, and what was printed."""
    text = io.StringIO()
    console = Console(file=text, width=200, highlight=False)
    run = probvae.train(spec, out, console=console, registry=registry or Registry(), **options)
    return run, text.getvalue()


def rows(run):
    """The rows of metrics.jsonl, as strict JSON and without the times."""
    found = [strict(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    timings = ("seconds", "examples_per_second")
    return [{name: value for name, value in row.items() if name not in timings} for row in found]


def strict(text):
    """JSON as every reader understands it, without NaN and Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def steps(run):
    return sorted(folder.name for folder in (run.folder / "checkpoints").iterdir())


def kept(run, step):
    """The weights in a checkpoint."""
    return load_file(run.folder / "checkpoints" / step / "weights.safetensors")


def in_a_fresh_process(runs, destination):
    """The outputs of the runs' models, each loaded by a process that has seen nothing of them."""
    script = [sys.executable, outputs.__file__, str(destination), *[str(run.folder) for run in runs]]
    done = subprocess.run(script, capture_output=True, text=True, check=False, cwd=Path(destination).parent)
    assert done.returncode == 0, done.stderr
    with np.load(destination) as file:
        arrays = dict(file)
    return [
        {name.partition("/")[2]: a for name, a in arrays.items() if name.startswith(f"{number}/")}
        for number in range(len(runs))
    ]


def assert_same(one, other, where=""):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=f"{where} {name}")

"""Real MLflow stores, tiny trainings, and runs that look like trained ones."""

import io
import json
import os
import shutil
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before anything imports TensorFlow
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before anything imports MLflow

import numpy as np
import probvae
import pytest
import tensorflow as tf
from mlflow import MlflowClient
from probvae.registry import Registry, default
from rich.console import Console

from probvae_mlflow import plugin


def pytest_configure(config):
    # MLflow 3 maps its tables with a loader that SQLAlchemy 2.1 deprecates.
    config.addinivalue_line("filterwarnings", "ignore:The ``noload`` loader strategy is deprecated")
    config.addinivalue_line("filterwarnings", "ignore:Even though the .*run_functions_eagerly:UserWarning")


@pytest.fixture(autouse=True)
def _clean(tmp_path, monkeypatch):
    """A working folder for each test, and none of the developer's own MLflow settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        if name != "MLFLOW_DISABLE_TELEMETRY":
            monkeypatch.delenv(name)
    yield
    default.cache_clear()
    for name in [name for name in sys.modules if name.startswith("probvae_plugin_")]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A new SQLite store, which takes MLflow some seconds to make."""
    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def sqlite(tmp_path, empty_database, monkeypatch):
    """A client of an SQLite store, which the environment names."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return MlflowClient(tracking_uri=uri)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A client of a store in plain files, which the environment names and allows."""
    uri = (tmp_path / "mlruns").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return MlflowClient(tracking_uri=uri)


@pytest.fixture(params=["sqlite", "files"])
def store(request):
    """A client of each kind of store."""
    return request.getfixturevalue(request.param)


@dataclass
class FakeRun:
    """What hooks see of a run, without a training."""

    folder: Path
    spec: dict[str, Any] = field(default_factory=lambda: {"model": {"latent_dim": 2}, "train": {"epochs": 2}})

    def metrics(self):
        file = self.folder / "metrics.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def evaluation(self):
        file = self.folder / "evaluation.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def epoch(self, number, loss=0.5):
        """End an epoch as probvae does."""
        row = {"epoch": number, "step": 3 * number, "train/loss": loss + number}
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        plugin.probvae_epoch_ended(self)


@pytest.fixture
def run(tmp_path):
    """A run that has just started."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "spec.toml").write_text("schema = 1\n")
    return FakeRun(tmp_path / "first")


@pytest.fixture
def spec(tmp_path):
    """A spec that trains within seconds, with 40 binary images of 4 x 4 pixels."""
    np.save(tmp_path / "tiny.npy", (np.random.default_rng(0).random((40, 4, 4)) < 0.5).astype(np.uint8))
    return {
        "schema": 1,
        "model": {
            "latent_dim": 2,
            "encoder": {"network": {"use": "dense", "hidden": [8]}},
            "decoder": {"network": {"use": "dense", "hidden": [8]}, "likelihood": {"use": "bernoulli"}},
            "prior": {"use": "standard_normal"},
        },
        "data": {"use": "arrays", "train": str(tmp_path / "tiny.npy")},
        "train": {"epochs": 2, "batch_size": 16, "jit": False},
        "evaluate": {"samples": 3},
    }


@pytest.fixture
def train(monkeypatch):
    """Trains as a new process would, with the plugins that are installed.

    Two files stand for the figures, and no function is traced, which takes most of the time of a small training.
    """

    def draw(run, *_):
        run.figures.mkdir(exist_ok=True)
        for name in ("samples", "learning_curve"):
            (run.figures / f"{name}.png").write_bytes(b"a picture")

    monkeypatch.setattr("probvae.runs.training.draw_figures", draw)

    def run(spec, out, **options):
        console = Console(file=io.StringIO(), width=200)
        return probvae.train(spec, out, console=console, registry=Registry(), **options)

    tf.config.run_functions_eagerly(True)
    yield run
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def interrupting(tmp_path):
    """A plugin that is Ctrl-C at the end of epoch 2, before its checkpoint."""
    file = tmp_path / "interrupting.py"
    file.write_text(
        textwrap.dedent("""
            import probvae

            @probvae.hookimpl
            def probvae_epoch_ended(epoch):
                if epoch == 2:
                    raise KeyboardInterrupt
        """)
    )
    return file

"""Several devices, and several processes, share an evaluation and encodings, with the numbers of one device."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import probvae
from probvae.runs import inference
from probvae.runs.selection import Selection
from probvae.runs.workers import free_addresses

from .setups import read

SAMPLES = 3
EXAMPLES = 2 * 1000 + 130  # of two chunks and a part of one; in 22 blocks, the last of which is not full

SHARE = f"""
import sys
from pathlib import Path

import probvae
from probvae.runs import inference
from probvae.runs.selection import Selection

run, data, out, devices = *map(Path, sys.argv[1:4]), int(sys.argv[4])
probvae.evaluate(run, ["evaluate.samples={SAMPLES}"], data=data, out=out / "bounds.npz", devices=devices)
inference.encode(run, Selection(file=data), out / "codes.npz", devices=devices)
inference.reconstruct(run, Selection(file=data), 1, out / "images.npz", devices=devices)
"""


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """A file of examples for the run."""
    path = tmp_path_factory.mktemp("examples") / "examples.npz"
    np.savez(path, x=np.random.default_rng(0).integers(0, 256, (EXAMPLES, 4, 4), np.uint8))
    return path


@pytest.fixture(scope="module")
def alone(trained_once, examples, tmp_path_factory):
    """The folder with what one device makes of them."""
    folder = tmp_path_factory.mktemp("alone")
    run, selection = trained_once.folder, Selection(file=examples)
    settings = [f"evaluate.samples={SAMPLES}"]
    probvae.evaluate(run, settings, data=examples, out=folder / "bounds.npz")
    inference.encode(run, selection, folder / "codes.npz")
    inference.reconstruct(run, selection, 1, folder / "images.npz")
    return folder


def started(run, examples, folder, devices=0, config=None):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    environment |= {} if config is None else {"TF_CONFIG": json.dumps(config)}
    command = [sys.executable, "-c", SHARE, str(run.folder), str(examples), str(folder), str(devices)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process):
    text, _ = process.communicate(timeout=240)
    assert process.returncode == 0, text
    return text


def assert_the_same(folder, reference):
    for file in ("bounds.npz", "codes.npz", "images.npz"):
        found, expected = read(folder / file), read(reference / file)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            assert len(values) == EXAMPLES
            np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-5, err_msg=f"{file}: {name}")


def test_devices_share_the_examples(trained_once, examples, alone, tmp_path):
    ended(started(trained_once, examples, tmp_path, devices=2))
    assert_the_same(tmp_path, alone)


@pytest.mark.slow
def test_workers_share_the_examples_and_the_chief_writes(trained_once, examples, alone, tmp_path):
    addresses, folders = free_addresses(2), [tmp_path / "chief", tmp_path / "other"]
    workers = []
    for index, folder in enumerate(folders):
        folder.mkdir()
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        workers.append(started(trained_once, examples, folder, config=config))
    chief, other = map(ended, workers)
    assert "bounds.npz" in chief
    assert "bounds.npz" not in other
    assert_the_same(folders[0], alone)
    assert not list(folders[1].iterdir())

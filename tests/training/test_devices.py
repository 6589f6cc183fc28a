"""Several devices and several processes: the same training, to the order of summation."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import tensorflow as tf

from probvae.errors import TemporaryError, UserError, explained_errors
from probvae.runs.workers import free_addresses
from probvae.training import select_devices
from probvae.training.checkpoint import newest_checkpoint
from probvae.training.devices import NO_PROXY

from .setups import OBJECTIVES, STEPS, data, trained, vae

TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}  # weights after a few steps; sums in another order, and XLA's rounding


def start(folder, name, devices=0, config=None, **options):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
    if config is not None:
        environment["TF_CONFIG"] = json.dumps(config)
    command = [
        sys.executable,
        str(Path(__file__).with_name("replicas.py")),
        str(folder),
        name,
        str(devices),
        json.dumps(options),
    ]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def result(process, folder, name):
    text, _ = process.communicate(timeout=240)
    assert process.returncode == 0, text
    with np.load(folder / f"{name}.npz") as file:
        return json.loads((folder / f"{name}.json").read_text()), dict(file)


def cluster(count):
    """TF_CONFIG of each of `count` workers on this machine."""
    addresses = free_addresses(count)
    return [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}} for i in range(count)]


def assert_close(found, reference):
    report, weights = found
    for row, other in zip(report["rows"], reference.rows, strict=True):
        assert row == pytest.approx(other, rel=1e-4)
    for name, value in reference.weights.items():
        np.testing.assert_allclose(weights[name], value, **TOLERANCE, err_msg=name)


@pytest.mark.parametrize(
    ("devices", "options"),
    [
        (2, {"prior": "mixture", "clip_norm": 0.5}),
        (4, {"prior": "vamp", "jit": False}),
        (2, {"prior": "mixture", "objective": "coupled"}),
        (4, {"prior": "mixture", "objective": "free_bits"}),
        (2, {"prior": "conditional", "jit": False}),
    ],
    ids=["two", "four", "two, rows coupled", "four, free bits", "two, conditional"],
)
def test_devices_that_share_the_batches_train_what_one_does(devices, options, tmp_path):
    """20 examples in batches of 8: the last of an epoch is half empty, so that some replicas have no example."""
    process = start(tmp_path, "several", devices, epochs=2, **options)
    prior, objective = options.pop("prior"), OBJECTIVES[options.pop("objective", "elbo")]()
    examples = data(conditional=prior == "conditional")
    reference = trained(vae(prior), objective, examples=examples, epochs=2, **options)
    found = result(process, tmp_path, "several")
    assert found[0]["devices"] == f"{devices} replicas"
    assert_close(found, reference)


def test_two_processes_train_what_one_does(tmp_path):
    options = {"prior": "mixture", "epochs": 2}
    workers = [start(tmp_path, str(index), config=config, **options) for index, config in enumerate(cluster(2))]
    reference = trained(vae("mixture"), epochs=2)
    results = [result(worker, tmp_path, str(index)) for index, worker in enumerate(workers)]
    assert results[0][0]["rows"] == results[1][0]["rows"]
    for name, value in results[0][1].items():
        np.testing.assert_array_equal(results[1][1][name], value, err_msg=name)
    assert results[0][0]["devices"] == "2 replicas in 2 processes"
    assert_close(results[0], reference)


def test_a_stop_request_to_one_worker_stops_all_after_the_same_step(tmp_path):
    configs, checkpoints = cluster(2), str(tmp_path / "run")
    workers = [
        start(tmp_path, "0", config=configs[0], epochs=3, checkpoints=checkpoints),
        start(tmp_path, "1", config=configs[1], epochs=3, checkpoints=checkpoints, stop=True),
    ]
    report = [result(worker, tmp_path, str(index))[0] for index, worker in enumerate(workers)]
    assert [(one["finished"], one["step"]) for one in report] == [(False, STEPS + 1)] * 2
    assert newest_checkpoint(tmp_path / "run")[0].step == STEPS + 1  # by the chief, who was not asked


def test_a_lost_worker_is_a_temporary_error():
    with pytest.raises(TemporaryError, match=r"another worker is gone.*--resume"), explained_errors():
        raise tf.errors.UnavailableError(None, None, "Connection reset by peer")


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1], ids=["the chief", "another"])
def test_when_a_worker_dies_the_other_ends_soon_and_the_group_resumes(victim, tmp_path):
    checkpoints = tmp_path / "run"

    def both(epochs):
        return [
            start(tmp_path, str(index), config=config, epochs=epochs, checkpoints=str(checkpoints))
            for index, config in enumerate(cluster(2))
        ]

    workers = both(100_000)
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("step-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers[victim].kill()
    workers[victim].communicate()
    text, _ = workers[1 - victim].communicate(timeout=90)
    assert workers[1 - victim].returncode == 1
    assert "another worker is gone" in text
    assert "--resume" in text

    before = newest_checkpoint(checkpoints)[0].step
    epochs = before // STEPS + 3
    results = [result(worker, tmp_path, str(index)) for index, worker in enumerate(both(epochs))]
    assert results[0][0]["rows"] == results[1][0]["rows"]
    assert results[0][0]["rows"][0]["epoch"] == before // STEPS + 1
    assert [report["step"] for report, _ in results] == [epochs * STEPS] * 2
    for name, value in results[0][1].items():
        np.testing.assert_array_equal(results[1][1][name], value, err_msg=name)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "JSONDecodeError"),
        ('{"cluster": {"worker": ["a:1"]}}', "KeyError"),
        ('{"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}', "TypeError"),
        ("[]", "AttributeError"),
    ],
)
def test_an_invalid_cluster_is_an_error(text, found, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=rf"TF_CONFIG: expected .*; got .*{found}"):
        select_devices()


def test_workers_speak_to_each_other_directly(monkeypatch):
    cluster = {"worker": ["one.example.org:2222", "two.example.org:2222"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 1}}))
    monkeypatch.setenv(NO_PROXY, "own.example.org")
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Mock)
    assert select_devices().workers == 2
    assert os.environ[NO_PROXY] == "own.example.org,one.example.org,two.example.org"


def test_devices_after_tensorflow_was_used_are_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match="before TensorFlow is used"):
        select_devices(3)


def test_one_device_is_what_there_is(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert str(select_devices()) == str(select_devices(1)) == "one device"

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
from probvae.training import is_chief, select_devices
from probvae.training.checkpoint import newest_checkpoint
from probvae.training.devices import NO_PROXY, _mirrored

from .setups import OBJECTIVES, STEPS, data_for, trained, vae

TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}  # weights after a few steps; sums in another order, and XLA's rounding


def start(folder, devices=0, config=None, **trainings):
    """Start a process that does these trainings, name -> options, one after the other."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
    if config is not None:
        environment["TF_CONFIG"] = json.dumps(config)
    script = Path(__file__).with_name("replicas.py")
    command = [sys.executable, str(script), str(folder), str(devices), json.dumps(trainings)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process):
    text, _ = process.communicate(timeout=240)
    assert process.returncode == 0, text


def result(folder, name):
    """The report of a training, and its weights."""
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


ON_DEVICES = {
    2: {
        "hierarchical, coupled, clipped": {"prior": "hierarchical", "objective": "coupled", "clip_norm": 0.5},
        "beta tc": {"objective": "beta_tc"},
        "XLA": {"jit": True},
    },
    4: {
        "free bits per latent": {"objective": "free_bits_per_latent"},
        "info vae": {"objective": "info_vae"},
        "semi-supervised": {"prior": "classified", "objective": "semi_supervised"},
        "conditional": {"prior": "conditional"},
        "exemplar": {"prior": "exemplar"},
        "vamp": {"prior": "vamp"},
        "free bits": {"prior": "mixture", "objective": "free_bits"},
    },
}


def on_one_device(prior="standard_normal", objective="elbo", **settings):
    return trained(vae(prior), OBJECTIVES[objective](), examples=data_for(prior), **settings)


@pytest.mark.parametrize(
    ("devices", "trainings"),
    [(2, ON_DEVICES[2]), pytest.param(4, ON_DEVICES[4], marks=pytest.mark.slow)],
    ids=["two", "four"],
)
def test_devices_that_share_the_batches_train_what_one_does(devices, trainings, tmp_path):
    """20 examples in batches of 8: the last of an epoch is half empty, so that some replicas have no example."""
    process = start(tmp_path, devices, **trainings)
    references = {name: on_one_device(**options) for name, options in trainings.items()}
    ended(process)
    for name, reference in references.items():
        found = result(tmp_path, name)
        assert found[0]["devices"] == f"{devices} replicas"
        if "coupled" not in name:  # whose objective is one of the tests, for which AutoGraph is needed
            assert found[0]["converted"] == ["CompiledSteps._loop"]
        assert_close(found, reference)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """The folder in which two processes, the workers of a cluster, have trained, and then been stopped by one."""
    folder = tmp_path_factory.mktemp("workers")
    workers = []
    for index, config in enumerate(cluster(2)):
        stopped = {"epochs": 3, "checkpoints": str(folder / "run"), "stop": index == 1}
        trainings = {f"whole-{index}": {"prior": "mixture"}, f"stopped-{index}": stopped}
        workers.append(start(folder, config=config, **trainings))
    for worker in workers:
        ended(worker)
    return folder


def test_two_processes_train_what_one_does(two_workers):
    reference = on_one_device("mixture")
    one, other = (result(two_workers, f"whole-{index}") for index in range(2))
    assert one[0]["rows"] == other[0]["rows"]
    for name, value in one[1].items():
        np.testing.assert_array_equal(other[1][name], value, err_msg=name)
    assert one[0]["devices"] == "2 replicas in 2 processes"
    assert_close(one, reference)


def test_a_stop_request_to_one_worker_stops_all_after_the_same_step(two_workers):
    report = [result(two_workers, f"stopped-{index}")[0] for index in range(2)]
    assert [(one["finished"], one["step"]) for one in report] == [(False, STEPS + 1)] * 2
    assert newest_checkpoint(two_workers / "run")[0].step == STEPS + 1  # by the chief, who was not asked


def test_a_lost_worker_is_a_temporary_error():
    with pytest.raises(TemporaryError, match=r"another worker is gone.*--resume"), explained_errors():
        raise tf.errors.UnavailableError(None, None, "Connection reset by peer")


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1], ids=["the chief", "another"])
def test_when_a_worker_dies_the_other_ends_soon_and_the_group_resumes(victim, tmp_path):
    checkpoints = tmp_path / "run"

    def both(epochs):
        options = {"epochs": epochs, "checkpoints": str(checkpoints)}
        return [start(tmp_path, config=config, **{str(i): options}) for i, config in enumerate(cluster(2))]

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
    for worker in both(epochs):
        ended(worker)
    results = [result(tmp_path, str(index)) for index in range(2)]
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
        ('{"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}', "the job 'worker' has no list"),
        ("[]", "AttributeError"),
        ('{"cluster": {"worker": ["a:1", 2]}, "task": {"type": "worker", "index": 0}}', "2, which is no address"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "'a', which is no address"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "the index 1 is not that of"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": -1}}', "the index -1 is not"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "'chief', which is no job"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "type 'ps', which is no job"),
        ('{"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}}', "several addresses"),
    ],
)
def test_an_invalid_cluster_is_an_error(text, found, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=rf"TF_CONFIG: expected .*; got .*{found}"):
        select_devices()


@pytest.mark.parametrize(
    ("jobs", "job", "index", "chief"),
    [
        ({"worker": ["a:1", "b:1"]}, "worker", 0, True),
        ({"worker": ["a:1", "b:1"]}, "worker", 1, False),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "chief", 0, True),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "worker", 0, False),
    ],
)
def test_a_cluster_has_one_chief(jobs, job, index, chief, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": jobs, "task": {"type": job, "index": index}}))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Mock)
    assert is_chief() == select_devices().chief == chief
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert is_chief()


def test_workers_speak_to_each_other_directly(monkeypatch):
    cluster = {"worker": ["one.example.org:2222", "two.example.org:2222"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 1}}))
    monkeypatch.setenv(NO_PROXY, "own.example.org")
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Mock)
    assert select_devices().workers == 2
    assert os.environ[NO_PROXY] == "own.example.org,one.example.org,two.example.org"


def test_devices_after_tensorflow_was_used_are_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    tf.zeros(1)
    with pytest.raises(UserError, match="before TensorFlow is used"):
        select_devices(3)


def test_all_trainings_of_a_process_share_their_strategy(monkeypatch):
    """The collective operations of a second strategy would meet those of the first."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", Mock())
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: Mock(devices=devices))
    _mirrored.cache_clear()
    one, again, other = (select_devices(count).strategy for count in (2, 2, 3))
    _mirrored.cache_clear()
    assert one is again
    assert [len(strategy.devices) for strategy in (one, other)] == [2, 3]


def test_one_device_is_what_there_is(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert str(select_devices()) == str(select_devices(1)) == "one device"

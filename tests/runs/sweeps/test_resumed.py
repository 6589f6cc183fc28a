"""Real trainings: a sweep that was stopped or killed ends as one that was not."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomli_w

from probvae.runs.listing import list_runs
from probvae.runs.sweeps import display

from ..faults import outcome
from ..setups import spec, tiny_images, train

SCRIPT = Path(__file__).parents[3] / "examples" / "cluster" / "sweep.sh"


def outcomes(folder):
    """What each run of a sweep came to, by its name."""
    return {path.name: outcome(path) for path in sorted((folder / "runs").iterdir())}


@pytest.mark.usefixtures("undrawn")
def test_a_sweep_stopped_within_a_training_ends_as_one_that_was_not(swept, base, tmp_path, monkeypatch):
    whole, _ = train(base, tmp_path / "whole", overrides=["train.seed=1"])

    def stop(_, epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(display._Following, "epoch_ended", stop)
        with pytest.raises(KeyboardInterrupt):
            swept(over={"train.seed": [1]})
    assert swept.text.endswith("Stopped. The same command continues.\n")
    (run,) = list_runs(tmp_path / "sweep")
    assert run.status == "interrupted"
    assert swept(over={"train.seed": [1]}).count("finished") == 1
    assert outcome(Path(run.folder)) == outcome(whole.folder)
    log = (tmp_path / "sweep" / "logs" / "000-seed=1.txt").read_text()
    assert "Resuming after step 3 (1 whole epoch)." in log


# Processes, killed for real


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(tomli_w.dumps(spec(tiny_images(tmp_path), epochs=100)))
    return file


def started(file, folder, *options):
    command = [sys.executable, "-m", "probvae", "sweep", str(file), "--out", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def rows(folder):
    return sum(len(path.read_text().splitlines()) for path in folder.glob("runs/*/metrics.jsonl"))


def killed(file, folder, *options, after):
    """Start a sweep, and kill its process once its runs have `after` more epochs."""
    process, before, deadline = started(file, folder, *options), rows(folder), time.monotonic() + 120
    while rows(folder) < before + after:
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=60)  # until its workers have saved and stopped


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_grid_killed_again_and_again_ends_as_one_that_was_not(jobs, file, tmp_path):
    options = ("--over", "objective.beta=0.5,1", "--over", "train.seed=0..1")
    whole = started(file, tmp_path / "whole", *options, "--jobs", jobs)
    assert "trial 3" in whole.communicate(timeout=600)[0]
    for after in (60, 120, 100):
        killed(file, tmp_path / "killed", *options, "--jobs", jobs, after=after)
        deadline = time.monotonic() + 60
        while any(run.status == "running" for run in list_runs(tmp_path / "killed")):  # workers save and stop
            assert time.monotonic() < deadline
            time.sleep(0.1)
    again = started(file, tmp_path / "killed", *options, "--jobs", jobs)
    text, _ = again.communicate(timeout=600)
    assert again.returncode == 0, text
    assert re.search(r"[123] have ended already", text)
    assert outcomes(tmp_path / "killed") == outcomes(tmp_path / "whole")


@pytest.mark.slow
def test_the_tasks_of_the_slurm_array_share_a_search(file, tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    programs = tmp_path / "bin"
    programs.mkdir()
    python = f'exec {sys.executable} -m probvae "$@"'
    for name, text in {"srun": 'shift; exec "$@"', "probvae": python, "scontrol": "exit 1"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    script = tmp_path / "sweep.sh"
    text = re.sub(r"^spec=.*", f"spec='{file}'", SCRIPT.read_text(), flags=re.M)
    text = re.sub(r"^out=.*", f"out='{tmp_path / 'search'}'", text, flags=re.M)
    script.write_text(text.replace("--trials 30", "--trials 6 --set train.epochs=20"))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    tasks = [
        subprocess.Popen(["bash", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    texts = [task.communicate(timeout=600)[0] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], texts
    assert len(list((tmp_path / "search" / "runs").iterdir())) == 6
    assert all(run.status in ("finished", "interrupted") for run in list_runs(tmp_path / "search"))
    logs = list((tmp_path / "search" / "logs").iterdir())
    assert all(log.read_text().count("Run:  ") == 1 for log in logs)  # each was trained by one of them


@pytest.mark.slow
def test_a_search_that_is_asked_to_stop_saves_and_continues(file, tmp_path):
    pytest.importorskip("optuna")
    options = ("--search", "train.learning_rate=1e-4..1e-2:log", "--trials", "2")
    process = started(file, tmp_path / "search", *options)
    while rows(tmp_path / "search") < 10:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "The same command continues." in text
    again = started(file, tmp_path / "search", *options)
    text, _ = again.communicate(timeout=600)
    assert again.returncode == 0, text
    assert "1 continue from their checkpoints" in text

"""The program, killed for real."""

import signal
import subprocess
import sys
import time

import pytest
import tomli_w

from probvae.runs import Run

from .setups import assert_same, kept, rows, spec, steps, strict, tiny_images, train

EPOCHS = 400


def killed(file, folder, number, after):
    """Train until so many rows are logged, then send a signal; returns how it ended and what it printed."""
    command = [sys.executable, "-m", "probvae", "train", str(file), "--out", str(folder)]
    # A shell that puts the tests into the background has them ignore SIGINT, and so would the program.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    log, deadline = folder / "metrics.jsonl", time.monotonic() + 120
    while not (log.exists() and len(log.read_text().splitlines()) >= after):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    text, _ = process.communicate(timeout=60)
    return process.returncode, text


@pytest.fixture
def asked(tmp_path):
    """A spec, and its file."""
    found = spec(tiny_images(tmp_path), epochs=EPOCHS)
    file = tmp_path / "spec.toml"
    file.write_text(tomli_w.dumps(found))
    return found, file


@pytest.mark.slow
def test_a_run_killed_twice_ends_as_one_that_was_not(asked, tmp_path, monkeypatch):
    monkeypatch.setattr("probvae.runs.training.paint", lambda *_: None)
    found, file = asked
    whole, _ = train(found, tmp_path / "whole")
    folder = tmp_path / "killed"
    status, _ = killed(file, folder, signal.SIGKILL, after=20)
    assert status == -signal.SIGKILL
    resume = [sys.executable, "-m", "probvae", "train", str(file), "--out", str(folder), "--resume"]
    process = subprocess.Popen(resume, stdout=subprocess.DEVNULL)
    while len((folder / "metrics.jsonl").read_text().splitlines()) < 60:
        time.sleep(0.01)
    process.kill()
    process.wait()
    run, text = train(found, folder, resume=True)
    assert "Going on after epoch" in text
    assert rows(run) == rows(whole)
    assert steps(run) == steps(whole)
    for step in steps(run):
        assert_same(kept(run, step), kept(whole, step))
    assert strict(run.evaluation_file.read_text()) == strict(whole.evaluation_file.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_run_that_is_asked_to_stop_says_how_to_go_on(number, asked, tmp_path):
    found, file = asked
    folder = tmp_path / "run"
    status, text = killed(file, folder, number, after=3)
    assert status in (130, 143)
    assert "--resume" in text
    assert "Traceback" not in text
    run = Run(folder, found)
    assert 3 <= len(rows(run)) < EPOCHS
    assert not run.evaluation_file.exists()

"""The program, killed for real."""

import signal
import subprocess
import sys
import time

import pytest
import tomli_w

from probvae.runs import Run

from .faults import killed_until_done, outcome
from .setups import rows, spec, tiny_images

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


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_a_run_killed_again_and_again_ends_as_one_that_was_not(kills, asked, tmp_path):
    """The first is inside a checkpoint write, the second at a random instant; benchmarks/faults.py does 100."""
    _, file = asked
    killed_until_done(file, tmp_path / "whole", kills=0, seed=0)
    lives = killed_until_done(file, tmp_path / "killed", kills, seed=1)
    assert lives.kills.total() == kills
    assert len(lives.kills) > 1
    assert not lives.passed_over
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_run_that_is_asked_to_stop_says_how_to_go_on(number, asked, tmp_path):
    found, file = asked
    folder = tmp_path / "run"
    status, text = killed(file, folder, number, after=3)
    assert status == 128 + number
    assert "--resume" in text
    assert "Traceback" not in text
    run = Run(folder, found)
    assert 3 <= len(rows(run)) < EPOCHS
    assert not run.evaluation_file.exists()

"""The program, killed for real."""

import signal
import subprocess
import sys
import time

import pytest
import tomli_w

from probvae.runs import Run
from probvae.runs.signals import ASKING

from .faults import killed_until_done, outcome
from .setups import rows, spec, tiny_images, train

pytestmark = pytest.mark.traced

EPOCHS = 400


def killed(file, folder, number, after):
    """Train until `after` rows are logged, then send a signal; returns how it ended and what it printed."""
    command = [sys.executable, "-m", "probvae", "train", str(file), "--out", str(folder)]
    process = started(command)
    log, deadline = folder / "metrics.jsonl", time.monotonic() + 120
    while not (log.exists() and len(log.read_text().splitlines()) >= after):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    text, _ = process.communicate(timeout=60)
    return process.returncode, text


@pytest.fixture
def asked(request, tmp_path):
    """A spec, and its file."""
    found = spec(tiny_images(tmp_path), epochs=getattr(request, "param", EPOCHS))
    file = tmp_path / "spec.toml"
    file.write_text(tomli_w.dumps(found))
    return found, file


@pytest.mark.parametrize(
    ("kills", "asked"), [(2, 30), pytest.param(12, EPOCHS, marks=pytest.mark.slow)], indirect=["asked"]
)
def test_a_run_killed_again_and_again_ends_as_one_that_was_not(kills, asked, tmp_path, monkeypatch):
    """The first is inside a checkpoint write, the second at a random instant; benchmarks/faults.py does 100."""
    found, file = asked
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
    train(found, tmp_path / "whole")
    lives = killed_until_done(file, tmp_path / "killed", kills, seed=1)
    assert lives.kills.total() == kills
    assert len(lives.kills) > 1
    assert not lives.skipped
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


INSTANTS = (0.3, 0.6, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 8, 9, 10, 12, 14, 16, 20)
"""Seconds after the start of a process, over the whole of its life."""


@pytest.mark.slow
@pytest.mark.parametrize("number", ASKING)
def test_a_signal_at_any_instant_ends_the_process_and_the_run_resumes(number, tmp_path):
    file, folder = tmp_path / "spec.toml", tmp_path / "run"
    found = spec(tiny_images(tmp_path), epochs=EPOCHS)
    file.write_text(tomli_w.dumps(found))
    for instant in INSTANTS:
        status, text = signalled(["train", str(file), "--out", str(folder), "--resume"], number, instant)
        assert_ended(status, text, number, instant)
        if status == 0:
            break
    status, text = signalled(["train", str(file), "--out", str(folder), "--resume"], number, after=None)
    assert status == 0, text
    whole = tmp_path / "whole"
    assert signalled(["train", str(file), "--out", str(whole)], number, after=None)[0] == 0
    assert outcome(folder) == outcome(whole)
    for command in ("evaluate", "sample", "encode"):
        for instant in INSTANTS[:12:2]:
            status, text = signalled([command, str(folder)], number, instant)
            assert_ended(status, text, number, instant)


def assert_ended(status, text, number, instant):
    """By the signal, or because the work was done before it."""
    if instant < 1 and status == -number:  # on a slow machine Python itself is still starting
        return
    assert status in (128 + number, 0), text
    assert "Traceback" not in text


def signalled(arguments, number, after):
    """Run the program, and send it a signal `after` seconds later: its status, and what it printed."""
    process = started([sys.executable, "-m", "probvae", *arguments])
    try:
        text, _ = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        text, _ = process.communicate(timeout=120)
    return process.returncode, text


def started(command):
    """Start a process that ignores no signal, though the shell that runs the tests may have them ignore some."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ASKING}
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Signals, and two processes on one run."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from rich.console import Console

from probvae.errors import Interrupted, TemporaryError, UserError
from probvae.runs.lock import locked
from probvae.runs.signals import asked_to_stop

from .setups import rows, spec, steps, tiny_images, train

ASKS = """
import os, signal
from probvae.registry import hookimpl

@hookimpl
def probvae_epoch_ended(epoch):
    if epoch == 2:
        os.kill(os.getpid(), signal.{name})
"""


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr("probvae.runs.training.paint", lambda *_: None)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_saves_and_says_how_to_go_on(name, tmp_path, undrawn):
    data, folder, plugin = tiny_images(tmp_path), tmp_path / "run", tmp_path / f"asks_{name.lower()}.py"
    plugin.write_text(ASKS.format(name=name))
    before = signal.getsignal(signal.Signals[name])
    signal.signal(signal.Signals[name], signal.default_int_handler)  # what runs the tests may ignore it
    try:
        with pytest.raises(Interrupted) as error:
            train(spec(data), folder, plugins=[plugin])
        assert signal.getsignal(signal.Signals[name]) is signal.default_int_handler
    finally:
        signal.signal(signal.Signals[name], before)
    assert error.value.signal_number == signal.Signals[name]
    assert not (folder / "evaluation.json").exists()
    resumed, text = train(spec(data), folder, resume=True)
    assert "Going on after step 6 (2 whole epochs)." in text
    whole, _ = train(spec(data), tmp_path / "whole")
    assert rows(resumed) == rows(whole)
    assert steps(resumed) == steps(whole)


@pytest.fixture
def handled():
    """Both signals have the handler that a program begins with, whatever runs the tests."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (2, 15)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_quits_at_once(number, handled, monkeypatch):
    stops = []
    monkeypatch.setattr("os._exit", sys.exit)  # as much as a test can bear
    with asked_to_stop(lambda: stops.append(True), Console(quiet=True)) as asked:
        signal.raise_signal(number)
        assert (stops, asked.signal_number) == ([True], number)
        with pytest.raises(SystemExit) as exited:
            signal.raise_signal(number)
    assert exited.value.code == 128 + number
    assert stops == [True]


def test_a_signal_that_is_ignored_stays_ignored(handled):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asked_to_stop(pytest.fail, Console(quiet=True)) as asked:
        signal.raise_signal(signal.SIGINT)
    assert asked.signal_number is None


def test_in_another_thread_signals_are_left_alone(handled):
    def work():
        with asked_to_stop(pytest.fail, Console(quiet=True)):
            found.append(signal.getsignal(signal.SIGTERM))

    found = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


# Locks


def test_a_second_process_is_refused_and_told_who_holds_the_run(tmp_path):
    with locked(tmp_path), pytest.raises(TemporaryError) as error, locked(tmp_path):
        pytest.fail("two at a time")
    message = str(error.value)
    for part in (str(tmp_path), f"process {os.getpid()} on ", "since ", "--out"):
        assert part in message


def test_a_run_in_use_is_not_touched(tmp_path, undrawn):
    data, folder = tiny_images(tmp_path), tmp_path / "run"
    with locked(folder), pytest.raises(TemporaryError, match="is in use"):
        train(spec(data), folder)
    assert sorted(path.name for path in folder.iterdir()) == [".lock"]
    run, _ = train(spec(data), folder)  # what a lock leaves behind is no run
    assert len(rows(run)) == 3


def test_a_killed_process_leaves_no_lock_behind(tmp_path):
    script = f"""
import os, signal
from pathlib import Path
from probvae.runs.lock import locked
with locked(Path({str(tmp_path)!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert (tmp_path / ".lock.json").exists()
    with locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / ".lock.json").read_text()


def test_a_folder_that_cannot_be_written_is_a_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be written.*--out"), locked(tmp_path / "file" / "run"):
        pytest.fail("locked")

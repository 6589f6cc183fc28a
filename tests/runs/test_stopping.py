"""Signals, and two processes on one run."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import probvae
from probvae.errors import Interrupted, TemporaryError, UserError
from probvae.registry import Registry
from probvae.runs import Run
from probvae.runs.lock import locked
from probvae.runs.results import making, writing
from probvae.runs.signals import ASKING, StopRequest, end_at_once, listening
from probvae.runs.training import _how_to_resume

from .setups import rows, spec, steps, tiny_images, train

ASKS = """
import os, signal, time
from probvae.registry import hookimpl

@hookimpl
def probvae_epoch_ended(epoch):
    if epoch == 2:
        os.kill(os.getpid(), signal.{name})
        time.sleep(0.2)  # it is received in another thread
"""


@pytest.mark.parametrize("number", ASKING)
def test_a_signal_that_comes_when_the_work_is_done_changes_no_status(number):
    code = f"""
import os, sys
from probvae.cli import main

class Late:  # deleted after Python has restored the defaults of signals
    def __del__(self, kill=os.kill, process=os.getpid()):
        kill(process, {int(number)})

late = Late()
sys.argv = ["probvae", "--version"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "probvae" in done.stdout


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_saves_and_says_how_to_go_on(name, tmp_path, undrawn):
    data, folder, plugin = tiny_images(tmp_path), tmp_path / "my run", tmp_path / f"asks_{name.lower()}.py"
    plugin.write_text(ASKS.format(name=name))
    printed = io.StringIO()
    console = Console(file=printed, width=200)
    before = signal.getsignal(signal.Signals[name])
    signal.signal(signal.Signals[name], signal.default_int_handler)  # what runs the tests may ignore it
    try:
        with pytest.raises(Interrupted) as error:
            probvae.train(spec(data), folder, plugins=[plugin], registry=Registry(), console=console)
        assert signal.getsignal(signal.Signals[name]) is signal.default_int_handler
    finally:
        signal.signal(signal.Signals[name], before)
    assert error.value.signal_number == signal.Signals[name]
    assert f"Resume with: probvae train '{folder}' --resume --plugin {plugin}\n" in printed.getvalue()
    assert not (folder / "evaluation.json").exists()
    resumed, text = train(spec(data), folder, resume=True)
    assert "Resuming after step 6 (2 whole epochs)." in text
    whole, _ = train(spec(data), tmp_path / "whole")
    assert rows(resumed) == rows(whole)
    assert steps(resumed) == steps(whole)


def test_what_has_data_in_python_is_not_resumed_by_a_command():
    advice = _how_to_resume(Run(Path("runs/a"), {}), [], np.zeros((3, 2)))
    assert advice == "Resume with the same call and resume=True."


SENDS = """
import os, signal, time
import probvae
from probvae.components import StandardNormal

def send():
    if os.environ.get("SEND") == "now":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)  # it is received in another thread

@probvae.register("prior", "sending")
class Sending(StandardNormal):
    def __init__(self, latent_dim: int):
        super().__init__(latent_dim)
        send()
"""


def test_a_signal_is_received_in_every_stage_and_each_folder_can_be_resumed(tmp_path, handled, monkeypatch):
    """While the model is built, before the first step, in measuring, in drawing."""
    data, folder, plugin = tiny_images(tmp_path), tmp_path / "run", tmp_path / "sends.py"
    plugin.write_text(SENDS)
    asked = spec(data, epochs=1)
    asked["model"]["prior"] = {"use": "sends.sending"}

    def send(*_):
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.2)

    def life():
        with pytest.raises(Interrupted) as error:
            train(asked, folder, resume=True, plugins=[plugin])
        assert error.value.signal_number == signal.SIGTERM

    def life_until(name, function):
        with monkeypatch.context() as patch:
            patch.setattr(name, function)
            life()

    with monkeypatch.context() as patch:
        patch.setenv("SEND", "now")
        life()  # while the model is built
    assert not folder.exists()
    life_until("probvae.runs.training.print_summary", send)
    assert (folder / "spec.toml").exists()
    assert not (folder / "checkpoints").exists()
    life_until("probvae.runs.evaluation.example_bounds", lambda *given: (send(), given[-1](1, 10)))
    assert not (folder / "evaluation.json").exists()
    life_until("probvae.runs.training.draw_figures", send)
    assert (folder / "evaluation.json").exists()


@pytest.fixture
def handled():
    """The signals have the handler that a program begins with, whatever runs the tests."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ASKING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def received(asked):
    """Wait until a signal has reached the thread that listens."""
    deadline = time.monotonic() + 10
    while asked.signal_number is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("number", ASKING)
def test_the_first_signal_asks_and_the_second_ends_the_process(number, handled, monkeypatch):
    ended, asked = threading.Event(), StopRequest(Console(quiet=True))
    monkeypatch.setattr("probvae.runs.signals.end_at_once", lambda number: ended.set())
    stops = []
    asked.stop = lambda: stops.append(True)
    with listening(asked):
        asked.check()
        signal.raise_signal(number)
        received(asked)
        assert (stops, ended.is_set()) == ([True], False)
        with pytest.raises(Interrupted) as interrupted:
            asked.check()
        signal.raise_signal(number)
        assert ended.wait(10)
    assert interrupted.value.signal_number == asked.signal_number == number


def test_what_is_being_made_is_removed_at_once(tmp_path, monkeypatch):
    left = []
    monkeypatch.setattr("os._exit", lambda _: left.extend(path.name for path in tmp_path.iterdir()))
    with making(tmp_path / "made", "") as made:
        made.mkdir()

    def interrupted():
        with making(tmp_path / "folder", "") as folder, writing(tmp_path / "file") as file:
            folder.mkdir()
            for path in (file, folder / "inner"):
                path.touch()
            end_at_once(signal.SIGINT)

    with pytest.raises(UserError, match="cannot be written"):  # as the test goes on
        interrupted()
    assert left == ["made"]


def test_a_signal_that_is_ignored_stays_ignored(handled):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked = StopRequest(Console(quiet=True))
    with listening(asked):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.05)
    assert asked.signal_number is None


def test_in_another_thread_signals_are_left_alone(handled):
    def work():
        with listening(pytest.fail):
            found.append(signal.getsignal(signal.SIGTERM))

    found = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_the_state_before_comes_back(handled):
    inner, outer = StopRequest(Console(quiet=True)), StopRequest(Console(quiet=True))
    with listening(outer):
        with listening(inner):
            signal.raise_signal(signal.SIGTERM)
            received(inner)
        assert outer.signal_number is None
        signal.raise_signal(signal.SIGTERM)
        received(outer)
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    assert signal.set_wakeup_fd(-1) == -1


BUSY = {
    "waiting": "time.sleep(600)",
    "discarding exceptions": "try_for_long()",
    "in native code": "hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
}


@pytest.mark.parametrize("busy", BUSY.values(), ids=BUSY)
@pytest.mark.parametrize("number", ASKING)
def test_a_process_ends_at_once_whatever_it_is_doing(number, busy):
    ended = signalled(f"{LISTENING}\nprint('ready', flush=True)\n{busy}", number)
    assert ended == (128 + number, "Interrupted.\n")


def test_a_forked_child_has_its_own_signals():
    """Otherwise a signal to the child would not end it, but its parent."""
    code = """
child = os.fork()
if not child:
    time.sleep(60)
    os._exit(1)
os.kill(child, signal.SIGTERM)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
time.sleep(0.2)
print('ready', flush=True)
time.sleep(600)
"""
    assert signalled(LISTENING + code, signal.SIGINT) == (130, "Interrupted.\n")


def test_a_signal_to_a_child_that_is_being_forked_ends_the_child():
    """It arrives when the child still has its parent's handlers."""
    early = """
import os, signal
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
"""
    code = """
child = os.fork()
if not child:
    time.sleep(60)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
time.sleep(0.2)
print('ready', flush=True)
time.sleep(600)
"""
    assert signalled(early + LISTENING + code, signal.SIGINT) == (130, "Interrupted.\n")


LISTENING = """
import hashlib, os, signal, time
from probvae.runs.signals import end_at_once, listen
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # what runs the tests may ignore it
listen(end_at_once)

def try_for_long():
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass
"""


def signalled(code, number):
    """Send a signal to a process that runs this code, once it is ready: its status and what it wrote."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


# Locks


def test_a_second_process_is_refused_and_names_who_holds_the_run(tmp_path):
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

"""Several processes for one sweep. A script takes the place of Python, so that none of them takes time."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from probvae.errors import Interrupted, WorkError
from probvae.runs.sweeps import processes

SCRIPT = """#!/bin/sh
# Records what it was started with, and does what a file says.
echo "$TF_NUM_INTRAOP_THREADS" > "$RECORDS/$$.threads"
printf '%s\\n' "$@" > "$RECORDS/$$.arguments"
. "$RECORDS/do"
"""


@pytest.fixture
def records(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    monkeypatch.setenv("RECORDS", str(tmp_path))
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr(processes.sys, "executable", str(script))
    monkeypatch.setattr(processes, "_TICK", 0.01)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    return tmp_path


def run(records, action, tick=lambda: None, storage=""):
    (records / "do").write_text(action)
    processes.run_processes(records / "sweep", 3, storage, tick)


def test_each_process_takes_trials_of_the_folder_with_its_share_of_the_processors(records):
    ticks = []
    run(records, "sleep 0.1", lambda: ticks.append(1), "journal")
    assert ticks
    assert [file.read_text() for file in records.glob("*.threads")] == ["2\n"] * 3
    expected = f"-m probvae sweep {records / 'sweep'} --worker --storage journal".split()
    assert [file.read_text().split() for file in records.glob("*.arguments")] == [expected] * 3


def test_a_process_that_is_killed_is_an_error_once_the_others_are_done(records):
    first = f'mkdir {records}/first 2> /dev/null && kill -9 $$; sleep 0.1; echo done > "$RECORDS/$$.done"'
    with pytest.raises(WorkError, match=r"1 of 3 processes ended early, with status -9\. The same"):
        run(records, first)
    assert len(list(records.glob("*.done"))) == 2


def test_a_signal_is_passed_on_to_all_of_them(records):
    def interrupt():
        if len(list(records.glob("*.ready"))) == 3 and not (records / "sent").exists():
            (records / "sent").write_text("")
            threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)).start()

    wait = 'trap "exit 143" TERM; echo > "$RECORDS/$$.ready"; while true; do sleep 0.02; done'
    with pytest.raises(Interrupted) as caught:
        run(records, wait, interrupt)
    assert caught.value.signal_number == signal.SIGTERM


def test_the_input_of_a_process_ends_with_the_one_that_started_it(records):
    (records / "do").write_text("cat > /dev/null; exit 7")
    started = processes._started([str(records / "python")], dict(os.environ))
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(0.2)
    started.stdin.close()
    assert started.wait(10) == 7


@pytest.mark.parametrize(("parent", "status"), [("lives", 0), ("is gone", -signal.SIGTERM)])
def test_a_process_stops_with_its_input_and_ends_with_its_work(parent, status):
    code = "import time; from probvae.runs.signals import stop_with_input; stop_with_input(); time.sleep(0.5)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        if parent == "is gone":
            process.stdin.close()
        assert process.wait(20) == status

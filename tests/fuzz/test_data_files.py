"""No data file, however wrong, is answered by a traceback, by much memory or by silence."""

import time
from pathlib import Path

import pytest

from . import trials
from .data_files import FORMATS, case
from .trials import tried

SOME = 96


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine may take its time; `benchmarks/fuzz.py` measures it."""
    monkeypatch.setattr(trials, "SECONDS", 60)


@pytest.mark.parametrize("first", range(len(FORMATS)), ids=lambda place: FORMATS[place].__name__)
def test_no_data_file_ends_in_a_traceback(first, tmp_path):
    trials = []
    for number in range(first, SOME, len(FORMATS)):
        made = case(number)
        folder = tmp_path / str(number)
        folder.mkdir()
        trials.append(tried(made.name, lambda made=made, folder=folder: made.read(folder)))
    assert not [trial for trial in trials if trial.status == "failed"]
    assert {trial.status for trial in trials} >= {"refused"}


def test_a_case_is_a_function_of_its_number():
    for number in range(len(FORMATS)):
        assert case(number).files == case(number).files


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="has no peak of memory")
def test_a_traceback_much_memory_and_waiting_are_failures(monkeypatch):
    assert tried("", lambda: None).status == "accepted"
    assert "ZeroDivisionError" in tried("", lambda: 1 / 0).message
    monkeypatch.setattr(trials, "SECONDS", 0.01)
    assert tried("", lambda: time.sleep(0.02 * trials.WAITING)).status == "failed"
    assert tried("", lambda: sum(range(10**6))).status == "failed"
    monkeypatch.setattr(trials, "SECONDS", 10)
    for megabytes in (90, 60):  # the peak of the first is not the second's
        trial = tried("", lambda size=megabytes: len(b"1" * (size * 10**6)))
        assert trial.peak == pytest.approx(megabytes * 1e6, rel=0.2)
        assert trial.status == "accepted"
    monkeypatch.setattr(trials, "BYTES", 10**7)
    assert tried("", lambda: len(b"1" * 10**8)).status == "failed"

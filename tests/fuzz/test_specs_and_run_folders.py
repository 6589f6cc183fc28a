"""No spec and no run folder, however wrong, is answered by a traceback, by much memory or by silence."""

import pytest

from probvae.specs import room

from . import trials
from .run_folders import damaged, first_run, use
from .specs import case
from .trials import tried


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine may take its time; `benchmarks/fuzz.py` measures it."""
    monkeypatch.setattr(trials, "SECONDS", 60)


def outcomes(results):
    """The statuses there are, after none has failed."""
    assert not [trial for trial in results if trial.status == "failed"]
    return {trial.status for trial in results}


def test_no_spec_ends_in_a_traceback(tmp_path):
    cases = map(case, range(300))
    assert outcomes([tried(made.name, lambda made=made: made.use(tmp_path)) for made in cases]) == {
        "accepted",
        "refused",
    }


def test_no_spec_ends_in_a_traceback_when_its_model_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "available_memory", lambda: 10**9)
    cases = [case(number, built=True) for number in range(8)]
    assert "refused" in outcomes([tried(made.name, lambda made=made: made.use(tmp_path)) for made in cases])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return first_run(tmp_path_factory.mktemp("run")).folder


def test_no_run_folder_ends_in_a_traceback(run, tmp_path):
    results = []
    for number in range(20):
        folder = tmp_path / str(number)
        name = damaged(number, run, folder)
        results.append(tried(name, lambda folder=folder, number=number: use(folder, number % 5 == 0)))
    assert outcomes(results) == {"accepted", "refused"}


def test_a_case_is_a_function_of_its_number(run, tmp_path):
    for number in range(20):
        assert case(number) == case(number)
        names = [damaged(number, run, tmp_path / f"{number}-{again}") for again in range(2)]
        assert names[0] == names[1]

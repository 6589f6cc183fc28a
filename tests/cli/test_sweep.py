"""`probvae sweep`: its table, its JSON, its help and its errors; trainings are fakes."""

import json
import signal

import pytest

from probvae.errors import Interrupted

from ..runs.sweeps.fakes import faked

GRID = ("--over", "train.learning_rate=1e-3,1e-2", "--over", "train.seed=0..1")


@pytest.fixture
def training(monkeypatch):
    return faked(monkeypatch)


@pytest.fixture
def swept(program, tiny, training):
    """Runs `probvae sweep tiny.toml`."""
    return lambda *options: program("sweep", tiny, *options)


def test_a_grid_with_seeds_prints_a_line_for_each_setting(swept):
    ended = swept(*GRID)
    assert ended.status == 0, ended.text
    heading, best, worst = ended.out.splitlines()[-5:-2]
    assert heading.split("  ")[0] == "train.learning_rate"
    assert best.split() == ["0.001", "2", "100.25", "±", "0.25", "\N{MINUS SIGN}99.25", "±", "0.25"]
    assert worst.split()[:3] == ["0.01", "2", "110.25"]
    assert "[1/4] trial 0: train.learning_rate=0.001, train.seed=0  loss 100.00 after epoch 4" in ended.out
    assert ended.out.endswith("Report: sweeps/tiny/report.html\n")


def test_json_has_settings_trials_and_notes_and_nothing_else_is_on_the_output(swept):
    found = json.loads(swept(*GRID, "--json").out)
    assert [one["settings"] for one in found["settings"]] == [
        {"train.learning_rate": 1e-3},
        {"train.learning_rate": 1e-2},
    ]
    assert len(found["trials"]) == 4
    assert found["trials"][0]["status"] == "finished"


def test_a_failed_trial_is_named_and_the_status_is_1(swept, training):
    training.failing = lambda spec: spec["train"]["seed"] == 1
    ended = swept("--over", "train.seed=0..1")
    assert ended.status == 1
    assert "failed: trial 1, sweeps/tiny/runs/001-seed=1: ValueError: the model is wrong" in ended.out


def test_the_folder_of_a_sweep_is_enough_to_print_it_again(swept, program):
    table = swept(*GRID).out.splitlines()[-5:]
    assert program("sweep", "sweeps/tiny").out.splitlines()[-5:] == table


def test_quiet_leaves_the_failures(swept, training):
    training.failing = lambda spec: spec["train"]["seed"] == 1
    ended = swept("--over", "train.seed=0..1", "--quiet")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("failed: trial 1, sweeps/tiny/runs/001-seed=1: ValueError: the model is wrong")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "expected parameters to sweep; got none"),
        (["--over", "objective.betta=1"], "--over objective.betta: objective.betta"),
        (
            ["--over", "train.epochs=1,many"],
            '--over train.epochs: train.epochs\n  expected  an integer >= 1\n  got       "many"',
        ),
        (["--over", "train.epochs=4..1"], "expected integers FIRST..LAST with at least one between"),
        (["--search", "train.learning_rate=1..1e-3"], "the lower one first"),
        ([*GRID, "--jobs", "0"], "Invalid value for '--jobs'"),
    ],
)
def test_mistakes_are_errors_before_any_training(options, words, swept, training, folder):
    ended = swept(*options)
    assert ended.status == 2
    assert words in ended.err
    assert "Traceback" not in ended.text
    assert training.trained == []
    assert not (folder / "sweeps").exists()


def test_the_help_has_an_example_of_each_kind(program):
    text = program("sweep", "--help").out
    assert "    probvae sweep first.toml --over objective.beta=0.5,1,2,4 --over train.seed=0..4\n" in text
    assert "    probvae sweep first.toml --search train.learning_rate=1e-4..1e-2:log --trials 30\n" in text
    assert "--worker" not in text


def test_a_process_of_several_ends_with_the_signal_and_leaves_it_to_the_one_that_started_it_to_say_so(
    program, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr("probvae.runs.signals.stop_with_input", lambda: None)
    monkeypatch.setattr("probvae.runs.sweeps.sweeping.work", interrupted)
    ended = program("sweep", tmp_path, "--worker")
    assert (ended.status, ended.text) == (128 + signal.SIGTERM, "")

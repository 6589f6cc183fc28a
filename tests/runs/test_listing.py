"""The list of runs: what each of them is, without loading a model."""

import json
import os
import platform
import shutil
import subprocess

import pytest

from probvae.errors import UserError
from probvae.runs.listing import list_runs

from ..program import program
from .setups import ROW, after_an_epoch


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four runs, as trainings in different states leave them."""
    place = tmp_path_factory.mktemp("runs")
    done = after_an_epoch(place, "done", epochs=1)
    (done.checkpoints / "step-000003").mkdir(parents=True)
    for name in ("early", "inner/half", "wrong"):
        shutil.copytree(done.folder, place / name)
    (place / "early" / "evaluation.json").write_text(json.dumps({"importance_weighted": {"value": -8.0}}))
    (place / "inner" / "half" / "evaluation.json").unlink()
    (place / "wrong" / "metrics.jsonl").write_text("{}\n" + json.dumps(ROW) + "\n")
    spec = done.spec_file.read_text().replace("epochs = 1", "epochs = 9")
    (place / "early" / "spec.toml").write_text(spec.replace("patience = 0", "patience = 1"))
    rows = [ROW, ROW | {"epoch": 2, "validation/loss": 13.0}]
    (place / "early" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture
def place(made, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(made, tmp_path / "runs")


def listed(place):
    return {os.path.relpath(run.folder, place): run for run in list_runs(place)}


def test_every_run_is_found_with_its_status(place):
    statuses = {name: run.status for name, run in listed(place).items()}
    assert statuses == {"done": "finished", "early": "finished", "inner/half": "interrupted", "wrong": "damaged"}


def test_links_to_folders_are_followed_but_not_in_circles(place, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "all").symlink_to(place)
    (tmp_path / "linked" / "one").symlink_to(place / "early")
    (place / "inner" / "up").symlink_to(tmp_path / "linked")
    assert {*listed(tmp_path / "linked")} == {"all/done", "all/early", "all/inner/half", "all/wrong", "one"}


def test_a_run_is_described_by_its_spec_its_rows_and_its_evaluation(place):
    run = listed(place)["early"]
    assert run.data == "arrays"
    assert run.model == "2 latents, dense, diagonal_normal, dense, bernoulli, standard_normal"
    assert (run.epochs, run.best_epoch, run.best_loss) == (2, 1, 11.5)
    assert (run.bound, run.standard_error, run.problem) == (-8.0, None, "")
    assert run.size == sum(path.stat().st_size for path in (place / "early").rglob("*") if path.is_file())


def test_files_that_a_training_removes_meanwhile_are_no_error(place, monkeypatch):
    known = os.walk

    def walk(folder, **how):
        for path, folders, files in known(folder, **how):
            yield path, folders, [*files, "removed.safetensors"]

    before = listed(place)["early"].size
    monkeypatch.setattr(os, "walk", walk)
    assert listed(place)["early"].size == before


def test_a_damaged_run_says_what_is_wrong(place):
    assert "metrics.jsonl:1: expected the numbers of an epoch" in listed(place)["wrong"].problem
    shutil.rmtree(place / "done" / "checkpoints")
    assert "expected a checkpoint; got none" in listed(place)["done"].problem


def test_a_run_that_a_process_holds_is_running(place):
    owner = {"process": os.getpid(), "host": platform.node(), "since": "now"}
    (place / "done" / ".lock.json").write_text(json.dumps(owner))
    ended = subprocess.Popen(["true"])
    ended.wait()
    (place / "early" / ".lock.json").write_text(json.dumps(owner | {"process": ended.pid}))  # as after SIGKILL
    found = listed(place)
    assert (found["done"].status, found["early"].status) == ("running", "finished")
    (place / "done" / ".lock.json").write_text(json.dumps(owner | {"process": 10**30}))  # which nobody has
    assert listed(place)["done"].status != "running"


def test_the_table_has_a_line_for_each_run_and_the_problems(place):
    ended = program("runs", place)
    assert ended.status == 0
    lines = ended.out.splitlines()
    assert len(lines) == 6
    assert lines[0].split() == [
        "run",
        "status",
        "data",
        "epochs",
        "best",
        "loss",
        "log",
        "p(x)",
        "size",
        "changed",
        "model",
    ]
    assert lines[1].split()[:6] == [f"{place}/done", "finished", "arrays", "1", "1", "11.50"]
    assert "\N{MINUS SIGN}10.00 ± 0.50" in lines[1]
    assert lines[5].startswith("damaged: ")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--status", "finished"], ["done", "early"]),
        (["--status", "finished", "--sort", "bound"], ["early", "done"]),
        (["--data", "mnist"], []),
        (["--data", "arrays", "--status", "damaged"], ["wrong"]),
    ],
)
def test_runs_are_chosen_and_sorted(options, names, place):
    ended = program("runs", place, "--json", *options)
    assert [os.path.relpath(run["folder"], place) for run in json.loads(ended.out)] == names


def test_a_folder_without_runs_is_said_and_one_that_is_missing_refused(tmp_path):
    assert program("runs", tmp_path).out == f"No such run is in {tmp_path}.\n"
    with pytest.raises(UserError, match="expected a folder of runs; got no such folder"):
        list_runs(tmp_path / "none")

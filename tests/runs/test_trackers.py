"""The page on trackers: what it records is what a run has, and what it says of hooks is so."""

import inspect
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

import probvae
from probvae.registry import hookspecs
from probvae.registry.loading import HOOKS

from ..program import forget_plugins, program
from .setups import spec, strict, tiny_images, train

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "write_a_tracker.md").read_text(encoding="utf-8")


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The files of the page, in the working folder; the tracker's path, and the test as a module's names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    tracker, test = re.findall(r"^```python\n(.*?)^```$", PAGE, re.S | re.M)
    (tmp_path / "run_log.py").write_text(tracker)
    names = {}
    exec(test, names)
    yield tmp_path / "run_log.py", names
    del sys.modules["run_log"]
    forget_plugins()


def test_its_own_test_holds(written, tmp_path, monkeypatch):
    _, names = written
    names["test_a_resumed_run_has_each_epoch_once"](tmp_path, monkeypatch)


def recorded(query):
    with closing(sqlite3.connect("runs.db")) as database:
        return database.execute(query).fetchall()


def test_it_records_a_training_and_a_later_evaluation_and_fails_as_it_says(written, monkeypatch, undrawn):
    tracker, _ = written
    monkeypatch.setenv("RUN_LOG", "runs.db")
    run, _ = train(spec(tiny_images(tracker.parent), epochs=2), "run", plugins=[tracker])
    assert recorded("SELECT * FROM runs") == [(str(run.folder.absolute()), "standard_normal", "finished")]
    losses = recorded("SELECT epoch, value FROM numbers WHERE name = 'validation/loss'")
    assert losses == [(row["epoch"], row["validation/loss"]) for row in run.metrics()]
    elbo = "SELECT epoch, value FROM numbers WHERE name = 'test/elbo'"
    assert recorded(elbo) == [(run.evaluation()["epoch"], run.evaluation()["elbo"]["value"])]

    ended = program("evaluate", run.folder, "--samples", 9, "--plugin", tracker)
    assert (ended.status, ended.err) == (0, "")
    again = strict(run.evaluation_file.read_text())
    assert again["settings"]["samples"] == 9
    assert recorded(elbo) == [(again["epoch"], again["elbo"]["value"])]
    monkeypatch.setenv("RUN_LOG", "absent/runs.db")
    ended = program("evaluate", run.folder, "--samples", 9, "--plugin", tracker)
    (shown,) = re.findall(r"^warning: .*", PAGE, re.M)
    assert ended.err.strip() == shown.replace("probvae_epoch_ended", "probvae_run_evaluated")
    probvae.evaluate(run, data=tracker.parent / "tiny.npz")  # not the run's own evaluation: no hook is called


def test_its_table_of_hooks_is_that_of_the_code():
    rows = re.findall(r"^\| `(probvae_\w+)` \| .+ \| (.+) \|$", PAGE, re.M)
    listed = {name: re.findall(r"`(\w+)`", arguments) for name, arguments in rows}
    found = {name: list(inspect.signature(getattr(hookspecs, name)).parameters) for name in HOOKS}
    assert listed == {name: arguments for name, arguments in found.items() if "run" in arguments}


def test_its_table_of_files_is_that_of_the_package():
    package = ROOT / "plugins" / "probvae-mlflow"
    (table,) = re.findall(r"^\| file of `probvae_mlflow/`.*", PAGE, re.S | re.M)
    listed = set(re.findall(r"^\| `(\w+\.py)` \|", table, re.M))
    assert listed == {path.name for path in (package / "probvae_mlflow").glob("*.py")} - {"__init__.py"}
    (entry,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.S | re.M)
    assert entry in (package / "pyproject.toml").read_text()

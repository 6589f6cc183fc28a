"""What docs/sweeps.md says: its commands are commands, its options have the values of its table, its code runs."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from probvae.cli.app import app
from probvae.registry import default
from probvae.runs.sweeps.ranges import read_grid, read_search
from probvae.runs.sweeps.results import Setting, Sweep, Trial

from .runs.sweeps.fakes import faked

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
TEXTS = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/sweeps.md", "docs/beta.md")]
COMMANDS = [line for text in TEXTS for line in re.findall(r"^(?:\|.*`| *)(probvae sweep [^`|\n]+)", text, re.M)]


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_have_options_that_are_read(line):
    command = app.commands["sweep"]
    options = command.make_context("sweep", shlex.split(line)[2:]).params
    read_grid(options["over"])
    read_search(options["search"])


def test_there_are_commands_of_each_kind():
    assert len(COMMANDS) >= 6
    assert any("--search" in line for line in COMMANDS)


def test_the_values_of_its_table_are_read():
    listed = re.findall(r"^\| `--over (.+?)` \|", PAGE, re.M)
    found = [next(iter(read_grid(shlex.split(option)).values())) for option in listed]
    assert found == [
        (0.5, 1, 2),
        (0, 1, 2, 3, 4),
        ("mixture", "vamp"),
        ([64], [128, 64]),
        ({"use": "mixture", "components": 8}, {"use": "vamp"}),
    ]


def test_its_tables_have_the_fields_of_the_results():
    for name, kind in {"the sweep": Sweep, "a trial": Trial, "a setting, with its seeds joined": Setting}.items():
        row = re.search(rf"^\| {name} \| (.*) \|$", PAGE, re.M)[1]
        listed = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)+", "", row))
        shown = {"best"} if kind is Sweep else {"value", "standard_error"} if kind is Setting else set()
        assert set(listed) == {field.name for field in fields(kind)} | shown


def test_its_code_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    faked(monkeypatch)
    default.cache_clear()
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.S | re.M)
    exec(code, {})
    assert "{'train.learning_rate': 0.001} Mean(value=" in capsys.readouterr().out
    found = {path.name for path in (tmp_path / "sweeps" / "rates").iterdir() if not path.name.startswith(".")}
    assert found == {"sweep.json", "report.html", "runs", "logs"}
    assert {"sweep.json", "report.html", "runs", "logs"} <= set(re.findall(r"^  ([\w.]+)", PAGE, re.M))

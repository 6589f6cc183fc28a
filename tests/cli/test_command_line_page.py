"""What docs/command_line.md says of all commands: their JSON, their completion in a shell, their lists of runs."""

import re
import warnings
from pathlib import Path

import click
import pytest

from probvae.cli.app import app, main

PAGE = Path(__file__).parents[2].joinpath("docs", "command_line.md").read_text(encoding="utf-8")
COMPLETIONS = re.findall(r"_PROBVAE_COMPLETE=(\w+)_source probvae", PAGE)


def commands(group, words=()):
    """The commands of a group and of groups within it, by the words that call them."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def test_every_command_that_prints_a_table_or_numbers_prints_json_too():
    named = re.search(r"on every command that prints a table or numbers: (.*?)\.\n", PAGE, re.S)[1]
    named = set(re.findall(r"`(\w+)`", named.partition("those of")[0]))
    having = {
        name for name, command in commands(app) if any(option.name == "as_json" for option in command.params)
    }
    assert having == named | {"data list", "data info", "data fetch"}


def test_every_command_that_trains_or_evaluates_can_be_quiet():
    found = dict(commands(app))
    for name in ("train", "refit", "evaluate", "sweep"):
        assert "quiet" in {option.name for option in found[name].params}


@pytest.fixture
def completed(monkeypatch, capsysbinary):
    """What the program answers to a shell that completes."""

    def answer(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("warnings.showwarning", warnings.showwarning)  # which `main` replaces
        monkeypatch.setattr("click.shell_completion.BashComplete._check_version", lambda *_: None)  # starts a bash
        with pytest.raises(SystemExit, match="0"):
            main()
        return capsysbinary.readouterr().out.decode()

    return answer


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_for_a_shell_gives_its_script(shell, completed):
    assert shell in COMPLETIONS
    assert f"_PROBVAE_COMPLETE={shell}_complete" in completed(_PROBVAE_COMPLETE=f"{shell}_source")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("ru", ["runs"]), ("list pri", ["prior"]), ("runs --sort b", ["bound"]), ("train --rep", ["--report"])],
)
def test_commands_options_and_values_are_completed(typed, offered, completed):
    words = {"COMP_WORDS": f"probvae {typed}", "COMP_CWORD": str(len(typed.split()))}
    found = completed(_PROBVAE_COMPLETE="bash_complete", **words)
    assert [line.partition(",")[2] for line in found.splitlines()] == offered


def test_the_columns_and_orders_of_lists_of_runs_are_those_of_the_page():
    from probvae.cli import reports
    from probvae.runs.listing import Status

    rows = re.findall(r"^\| (.+?) \| ", PAGE.partition("| column |")[2].partition("\n\n")[0], re.M)
    assert {name for row in rows for name in row.split(", ")} - {"---"} == {*reports._COLUMNS} - {"run"}
    statuses = re.search(r"^\| status \| (.*) \|$", PAGE, re.M)[1]
    assert set(re.findall(r"`(\w+)`: ", statuses)) == set(Status.__args__) == set(reports._COLOURS)
    order = next(option for option in dict(commands(app))["runs"].params if option.name == "sort")
    assert re.findall(r"`(\w+)`", re.search(r"^`--sort` takes (.*)$", PAGE, re.M)[1]) == list(order.type.choices)

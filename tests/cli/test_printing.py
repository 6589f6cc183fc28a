"""What --json and --quiet leave on the standard output, whatever a component prints or a run is named."""

import json
import math

import click
import pytest

from probvae.cli.printing import harmless, print_json

NOISY = """
print("noise")

@probvae.register("prior", "own")
class Own:
    \"\"\"A prior.\"\"\"
"""


def test_what_a_plugin_prints_is_no_part_of_the_json(program, plugin):
    ended = program("list", "prior", "--json", "--plugin", plugin("noisy", NOISY))
    assert "noisy.own" in [row["name"] for row in json.loads(ended.out)]
    assert ended.err == "noise\n"


def test_a_number_that_is_not_finite_is_null(capsys):
    with click.Context(click.Command("command")):
        print_json({"a": [math.nan, -math.inf, 1.5], "b": {"c": (math.inf, 2)}})
    assert json.loads(capsys.readouterr().out) == {"a": [None, None, 1.5], "b": {"c": [None, 2]}}


@pytest.mark.parametrize(
    "command",
    [["list"], ["plugins"], ["data", "list"], ["init"], ["new-plugin", "tails"], ["runs", "."]],
    ids=" ".join,
)
def test_quiet_leaves_nothing_of_a_command_that_succeeds(command, program):
    ended = program("--quiet", *command)
    assert (ended.status, ended.text) == (0, "")


def test_quiet_leaves_what_is_damaged_and_documents(program, folder):
    for name in ("spec.toml", "environment.json"):
        (folder / name).write_text("{")
    ended = program("--quiet", "runs", ".")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err.startswith("damaged: spec.toml:1: TOML: expected valid TOML")
    assert json.loads(program("--quiet", "runs", ".", "--json").out)[0]["status"] == "damaged"


def test_an_error_does_not_steer_the_terminal(program):
    ended = program("report", "\x1b[2J\u202egpj.exe")
    assert ended.status == 2
    assert "error: \\x1b[2J\\u202egpj.exe: expected a run" in ended.err


def test_colours_and_ends_of_lines_are_harmless():
    text = click.style("a", fg="red", bold=True) + "\n\tb"
    assert harmless(text) == text

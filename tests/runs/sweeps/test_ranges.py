"""The values of swept parameters, as options give them."""

import pytest

from probvae.errors import UserError
from probvae.runs.sweeps.ranges import Interval, described, folder_name, read_grid, read_search


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.5,1,2", (0.5, 1, 2)),
        ("0..4", (0, 1, 2, 3, 4)),
        ("-2..0", (-2, -1, 0)),
        ("3..3", (3,)),
        ("mixture, vamp", ("mixture", "vamp")),
        ("'a,b','c'", ("a,b", "c")),
        ("[32, 64],[64]", ([32, 64], [64])),
        ("true,false", (True, False)),
        ('{use = "vamp"}', ({"use": "vamp"},)),
        ("../a.npz,../b.npz", ("../a.npz", "../b.npz")),
    ],
)
def test_a_grid_has_the_values_of_a_list_or_of_a_range_of_integers(text, values):
    assert read_grid([f"a.b={text}"]) == {"a.b": values}


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("1e-4..1e-2:log", Interval(1e-4, 1e-2, log=True)),
        ("1..8", Interval(1, 8)),
        ("-1.5..2", Interval(-1.5, 2)),
    ],
)
def test_a_search_has_intervals(text, interval):
    found = read_search([f"a.b={text}"])["a.b"]
    assert found == interval
    assert isinstance(found.low, type(interval.low))


def test_a_search_has_values_to_choose_from_too():
    assert read_search(["a.b=relu,tanh"]) == {"a.b": ("relu", "tanh")}


@pytest.mark.parametrize(
    ("read", "option", "words"),
    [
        (
            read_grid,
            "objective.beta",
            "--over: expected KEY=VALUES, such as objective.beta=0.5,1,2; got 'objective.beta'",
        ),
        (read_grid, "beta=1", "expected KEY=VALUES"),
        (read_grid, "a.b=", "expected values with commas between them; got ''"),
        (read_grid, "a.b=1,,2", "expected values with commas"),
        (read_grid, "a.b=4..0", "expected integers FIRST..LAST with at least one between; got '4..0'"),
        (read_grid, "a.b=0.5..2", "expected integers FIRST..LAST, or values A,B,C; got '0.5..2'"),
        (read_grid, "a.b=1..9:log", "expected integers FIRST..LAST"),
        (read_search, "a.b=2..1", "--search a.b=2..1: Interval: expected two numbers, the lower one first"),
        (read_search, "a.b=1..1", "the lower one first; got 1 and 1"),
        (read_search, "a.b=0..1:log", "expected a lower end above 0 for a log scale; got 0"),
        (read_search, "a.b=1..2:exp", "expected LOW..HIGH or LOW..HIGH:log; got '1..2:exp'"),
        (read_search, "a.b=1..inf", "expected two numbers"),
    ],
)
def test_other_options_are_refused_with_what_is_expected(read, option, words):
    with pytest.raises(UserError) as caught:
        read([option])
    assert words in str(caught.value)


def test_a_key_given_twice_is_refused():
    with pytest.raises(UserError, match=r"expected each key once; got a\.b twice"):
        read_grid(["a.b=1", "a.b=2"])


def test_folders_have_names_that_every_system_takes():
    assert folder_name(7, {"data.train": "../x y/ü.npz"}) == "007-train=.._x_y_.npz"
    assert folder_name(1234, {"a.b": "x" * 500}).startswith("1234-b=xxx")
    assert len(folder_name(0, {"a.b": "x" * 500})) < 80


def test_settings_are_shown_with_their_values_as_in_a_spec():
    assert described({"a.b": 10000, "c.d": 1e-5, "e.f": [32, 64]}) == "a.b=10000, c.d=1e-05, e.f=32, 64"

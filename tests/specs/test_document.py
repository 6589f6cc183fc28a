"""Documents: what a file says and on which line, and what options change."""

import itertools
import json
import time
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from probvae.errors import SpecError
from probvae.registry import Registry
from probvae.specs import Document, plan, read
from probvae.specs.document import DEEPEST


@pytest.fixture
def document(tmp_path):
    """Reads a TOML text."""

    def make(text: str) -> Document:
        path = tmp_path / "spec.toml"
        path.write_text(text, encoding="utf-8", newline="")
        return read(path)

    return make


def line(document: Document, path: str) -> int:
    """The line of a key path; `/` parts it."""
    return int(document.where(tuple(path.split("/"))).rpartition(":")[2])


# Lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1\n\n# b = 0\nb = 2", {"a": 1, "b": 4}),
        ("a = [\n  1,\n  2,\n]\nb = 1", {"a": 1, "b": 5}),
        ("a = [ # one\n  [1,\n 2], # two\n\n]\nb = 1", {"a": 1, "b": 6}),
        ('a = """\n[x]\nb = 1\n"""\nb = 2', {"a": 1, "b": 5}),
        ("a = '''x\n'''\nb = 2", {"a": 1, "b": 3}),
        ('a = """\\\n   x = "1" \\\n   """\nb = 2', {"a": 1, "b": 4}),
        ('a = "# no comment" # a comment\nb = 2', {"a": 1, "b": 2}),
        ("a = { b = 1, c = { d = 2 } }\ne = 3", {"a": 1, "a/b": 1, "a/c/d": 1, "e": 2}),
        ("a = { b = [\n 1,\n 2] }\nc = 3", {"a/b": 1, "c": 4}),
        ("a.b = 1\na.c = 2", {"a/b": 1, "a/c": 2}),
        ("[a]\nb.c = 1\nb.d = 2\n[e]\nf = 3", {"a": 1, "a/b/c": 2, "a/b/d": 3, "e": 4, "e/f": 5}),
        ("[a.b]\nc = 1", {"a": 1, "a/b": 1, "a/b/c": 2}),
        ("\n  [ a . b ]  # here\n  c = 1", {"a/b": 2, "a/b/c": 3}),
        ("[a]\n[b]\n[b.c]\nd = 1", {"a": 1, "b/c": 3, "b/c/d": 4}),
        ('"a b" = 1\n[c."d.e"]\n\'f\' = 2', {"a b": 1, "c/d.e": 2, "c/d.e/f": 3}),
        ('["[x]"]\ny = 1\n["#"]\nz = 2', {"[x]": 1, "[x]/y": 2, "#": 3, "#/z": 4}),
        ("[[a]]\nb = 1\n[[a]]\nb = 2\n[c]\nd = 3", {"c": 5, "c/d": 6}),
        ("[[a]]\n[a.b]\nc = 1", {"a/b": 2, "a/b/c": 3}),
        ("a = 1\r\nb = [\r\n1]\r\nc = 2\r\n", {"a": 1, "b": 2, "c": 4}),
        (
            'a = """"x""" # "\nb = """""x"""""\nc = """\\"""\n"""\nd = \'\'\'\'[\'\'\'\'\'\ne = ""\nf = 1',
            {"b": 2, "c": 3, "d": 5, "f": 7},
        ),
        ("a = 2020-01-01T00:00:00Z\nb = 0x1F\nc = +inf", {"a": 1, "b": 2, "c": 3}),
    ],
)
def test_each_key_has_the_line_that_its_statement_begins_on(text, lines, document):
    found = document(text)
    assert {path: line(found, path) for path in lines} == lines


@pytest.mark.parametrize("separator", ["\u2028", "\u0085"])
def test_a_separator_inside_a_string_or_a_comment_is_no_new_line(separator, document):
    found = document(f'a = "x{separator}y"\nb = 1\n# x{separator}y\nc = 2\n')
    assert [line(found, key) for key in "abc"] == [1, 2, 4]


@pytest.mark.parametrize("text", ["[a]\nb = 1\n\n[a.c]\nd = 2", "[a.b]\nc = 1\n[a.d]\ne = 2", "a.b = 1\na.c = 2"])
def test_a_table_has_the_line_that_it_begins_on(text, document):
    assert line(document(text), "a") == 1


def test_what_is_not_there_has_the_place_of_the_table_that_lacks_it(document):
    found = document("[a]\nb = 1\n[c]\nd = 2")
    assert line(found, "a/x/y") == 1
    assert found.where(("x", "y")).endswith("spec.toml")


def test_what_was_never_in_a_file_has_no_place():
    assert read({"a": {"b": 1}}).where(("a", "b")) == ""


text_values = st.text(st.sampled_from("ab \"'#=[]{}\\,.\n\té"), max_size=8)
values = st.recursive(
    st.integers(-5, 5) | st.floats(allow_nan=False) | st.booleans() | text_values | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 9), inner, max_size=3),
    max_leaves=8,
)
tables = st.recursive(
    st.dictionaries(st.integers(0, 9), values, max_size=4),
    lambda inner: st.dictionaries(st.integers(0, 9), values | inner, max_size=4),
    max_leaves=6,
)


def renamed(value, names):
    """The value with a new name for each key, so that a name is in one place of a text alone."""
    if isinstance(value, dict):
        return {next(names): renamed(part, names) for part in value.values()}
    return [renamed(part, names) for part in value] if isinstance(value, list) else value


def leaves(table, prefix=()):
    """The key paths of what is not itself a table, outside lists."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key)


@given(tables, st.sampled_from(["k{}x", "k{}.x", "k {}x", 'k"{}x', "k-{}_x"]), st.booleans())
def test_every_value_of_a_written_text_is_found_on_its_line(tmp_path_factory, table, form, multiline):
    table = renamed(table, map(form.format, itertools.count()))
    text = tomli_w.dumps(table, multiline_strings=multiline)
    path = tmp_path_factory.mktemp("toml") / "spec.toml"
    path.write_text(text, encoding="utf-8", newline="")
    document = read(path)
    assert document.tables == table
    for keys in leaves(table):
        statement = tomli_w.dumps({keys[-1]: 0})[:-2]  # the key as it is written, and ` = `
        (expected,) = (number for number, line in enumerate(text.split("\n"), 1) if line.startswith(statement))
        assert document.where(keys) == f"{path}:{expected}"


# Options


def setting(text: str, tables: dict) -> dict:
    return read(tables).override([text]).tables


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x=3", 3),
        ("x = 3", 3),
        ("x=-3", -3),
        ("x=1_000", 1000),
        ("x=0x10", 16),
        ("x=3.0", 3.0),
        ("x=1e-3", 1e-3),
        ("x=inf", float("inf")),
        ("x=true", True),
        ("x=True", "True"),
        ("x=[1, 2]", [1, 2]),
        ("x=[]", []),
        ('x={ use = "maf", layers = 2 }', {"use": "maf", "layers": 2}),
        ("x=maf", "maf"),
        ("x='3'", "3"),
        ('x="a b"', "a b"),
        ("x=a b", "a b"),
        ("x=mine.maf", "mine.maf"),
        ("x=/data/file.npz:train", "/data/file.npz:train"),
        ("x=a=b", "a=b"),
        ("x=", ""),
        ("x=01", "01"),
    ],
)
def test_an_option_holds_a_toml_value_or_a_bare_word(text, value):
    found = setting(text, {})["x"]
    assert found == value
    assert type(found) is type(value)


def test_an_option_goes_before_the_file_and_a_later_one_before_an_earlier():
    document = read({"a": {"b": 1, "c": 2}}).override(["a.b=3", "a.b=4"])
    assert document.tables == {"a": {"b": 4, "c": 2}}
    assert document.where(("a", "b")) == "--set a.b=4"


def test_an_option_makes_the_tables_on_its_way():
    assert setting("a.b.c=1", {}) == {"a": {"b": {"c": 1}}}
    assert setting("a.b.c=1", {"a": {"d": 2}}) == {"a": {"d": 2, "b": {"c": 1}}}


def test_an_option_takes_the_place_of_a_whole_table(document):
    found = document("[a]\nb = { c = 1 }").override(["a.b={ d = 2 }"])
    assert found.tables == {"a": {"b": {"d": 2}}}
    assert found.where(("a", "b", "d")) == "--set a.b={ d = 2 }"
    assert line(found, "a") == 1


def test_an_option_through_a_value_is_a_problem_and_the_others_are_applied():
    document = read({"a": {"b": 2}}).override(["a.b.c=1", "a.d=3"])
    (problem,) = document.problems
    assert (problem.where, problem.path, problem.expected) == ("--set a.b.c=1", "a.b", "a table")
    assert document.tables == {"a": {"b": 2, "d": 3}}


def test_a_dict_given_from_python_is_not_changed():
    given = {"a": {"b": [1]}}
    read(given).override(["a.b=3", "c=4"])
    assert given == {"a": {"b": [1]}}


# Dicts and JSON


def test_a_tuple_given_from_python_is_a_list():
    assert read({"a": (1, 2)}).tables == {"a": [1, 2]}


@pytest.mark.parametrize("value", [{1, 2}, object(), np.float32(1.0), np.arange(2), Path("x")])
def test_a_value_that_a_spec_cannot_hold_is_refused(value):
    with pytest.raises(SpecError, match="expected plain values, lists and dicts"):
        read({"a": value})


def test_json_says_the_same_as_toml(tmp_path):
    tables = {"schema": 1, "model": {"latent_dim": 2, "x": [1.5, True, "a"]}}
    (tmp_path / "a.json").write_text(json.dumps(tables))
    (tmp_path / "a.toml").write_text(tomli_w.dumps(tables))
    assert read(tmp_path / "a.json").tables == read(tmp_path / "a.toml").tables == read(tables).tables


# What no component could take


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


BEYOND = {
    "a.toml": {
        f"b = 1\na = {nested(200)}": r"a\.toml:2: a: expected at most 32 tables and lists .*; got more\.",
        f"b = 1\na = {nested(20_000)}": r"a\.toml:2: TOML: expected at most 32 tables and lists",
        f"[{'.'.join('a' * 5000)}]\nb = 1": r"a\.toml:1: (a\.)+a: expected at most 32",
        f"b = [\n1]\na = {'1' * 5000}": r"a\.toml:3: TOML: expected an integer of at most 64 bits; got",
        f"a = 0x{'f' * 5000}": r"a\.toml:1: a: expected an integer of at most 64 bits; got one of 20000 bits",
        "a = [1, [9223372036854775808]]": r"a\.toml:1: a: expected an integer of at most 64 bits; got 92233720",
    },
    "a.json": {
        f'{{"a": {nested(200)}}}': r"a\.json: a: expected at most 32 tables and lists",
        f'{{"a": {nested(200_000)}}}': r"a\.json: JSON: expected at most 32 tables and lists",
        f'{{"a": {"1" * 5000}}}': r"a\.json: JSON: expected an integer of at most 64 bits",
        '{"a": {"b": "\\ud800"}}': r'a\.json: a\.b: expected text; got "\\ud800", half of a character\.',
        '{"a\\u001b": 1, "a\\u001b": 2}': r'"a\\u001b": expected each key once',
    },
}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [(name, text, message) for name, texts in BEYOND.items() for text, message in texts.items()],
    ids=range(11),
)
def test_a_value_beyond_all_limits_is_refused_with_its_place(name, text, message, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SpecError, match=message):
        read(path)


def looped():
    loop: list = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize("value", [looped(), 10**5000, 2**63, json.loads(nested(500)), "\ud800"], ids=range(5))
def test_a_value_beyond_all_limits_is_refused_from_python(value):
    with pytest.raises(SpecError, match="expected"):
        read({"a": value})


@pytest.mark.parametrize(
    "option",
    [f"x={nested(200)}", f"x={nested(20_000)}", f"x={'1' * 5000}", f"x={2**63}", ".".join("a" * 99) + "=1"],
)
def test_a_value_beyond_all_limits_is_a_problem_of_an_option(option):
    with pytest.raises(SpecError, match=r"--set .*: expected (at most 32|an integer of at most 64)"):
        plan(read({}).override([option]), Registry())


def test_the_deepest_value_that_is_allowed_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(f"a = {nested(DEEPEST)}\n")
    assert read(path).tables == {"a": json.loads(nested(DEEPEST))}


def test_a_file_too_large_for_a_spec_is_not_read():
    with pytest.raises(SpecError, match=r"/dev/zero: file: expected a spec, at most 1,048,576 characters"):
        read("/dev/zero")


def test_reading_takes_time_in_proportion_to_the_number_of_lines(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("b = [\n" + "32,\n" * 50_000 + "]\nc = 1\n")
    began = time.process_time()
    document = read(path)
    assert time.process_time() - began < 5  # seconds; in proportion to its square they were hours
    assert line(document, "c") == 50_003

"""A spec as it was written: its values, each with its line."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from probvae.core import Table
from probvae.errors import Problem, SpecError

KeyPath: TypeAlias = tuple[str, ...]

LARGEST = 2**20
"""The most characters of a spec. A larger file is something else, such as data."""

DEEPEST = 32
"""The deepest nesting of tables and lists: more than a model needs, less than any parser's limit."""

_DEPTH = f"at most {DEEPEST} tables and lists within each other"
_INTEGER = "an integer of at most 64 bits"


@dataclass
class Document:
    """A spec's tables, before names and values are checked.

    Args:
        tables: the values.
        places: key path -> the file and line, or the option, that it was set by.
        overridden: the key paths that came from `--set`.
        problems: of `--set` options that could not be applied.
        folder: of the file; its paths are relative to it.
    """

    tables: Table
    places: dict[KeyPath, str] = field(default_factory=dict)
    overridden: set[KeyPath] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    folder: Path = Path()

    def where(self, path: KeyPath) -> str:
        """The place of a key path, or of the nearest table above it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return ""

    def has(self, path: KeyPath) -> bool:
        """Whether the spec sets a key path."""
        table: Any = self.tables
        for key in path:
            if not isinstance(table, dict) or key not in table:
                return False
            table = table[key]
        return True

    def resolve(self, path: KeyPath, value: object) -> object:
        """A path of the file, or a list of them, relative to the working folder, as those of `--set` are.

        A ~ at its start is the home of the user.
        """
        if isinstance(value, tuple):
            return tuple(self.resolve(path, part) for part in value)
        if not isinstance(value, str) or not value:
            return value
        expanded = os.path.expanduser(value)
        if any(path[:length] in self.overridden for length in range(1, len(path) + 1)):
            return expanded
        return os.path.join(self.folder, expanded)

    def problem(self, path: KeyPath, expected: str, got: str, hint: str = "") -> Problem:
        """A problem at a key path, with its place."""
        keys = (key if re.fullmatch(r"[\w-]+", key) else json.dumps(key) for key in path)
        return Problem(".".join(keys) or "spec", expected, got, hint, self.where(path))

    def checked(self) -> Document:
        """The document itself, after checks that need no component.

        Raises:
            SpecError: a value that is too large, too deep or no text.
        """
        if problems := [self.problem(*wrong) for wrong in _unusable(self.tables)]:
            raise SpecError([*self.problems, *problems])
        return self

    def override(self, settings: Iterable[str]) -> Document:
        """Apply `--set` options, each `key.path=value` with a TOML value or a bare word.

        What is wrong with an option joins `problems`, so that it is reported with those of the spec.

        Raises:
            SpecError: a value that nothing can work with.
        """
        for setting in settings:
            try:
                self._set(setting)
            except SpecError as error:
                self.problems += error.problems
        return self.checked()

    def _set(self, setting: str) -> None:
        key, equals, value = setting.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        place = f"--set {setting}"
        if not equals or not all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in path):
            expected = "key.path=value, such as model.prior.components=32"
            raise SpecError([Problem("--set", expected, repr(setting), where="command line")])
        parsed = value_of(value.strip(), place)
        table = self.tables
        for depth, part in enumerate(path[:-1], 1):
            if part not in table:
                table[part] = {}
                self.places[path[:depth]] = place
            table = table[part]
            if not isinstance(table, dict):
                raise SpecError([Problem(".".join(path[:depth]), "a table", show(table), where=place)])
        table[path[-1]] = parsed
        self.places = {known: line for known, line in self.places.items() if known[: len(path)] != path}
        self.places[path] = place
        self.overridden.add(path)


def read(source: str | os.PathLike[str] | Mapping[str, object]) -> Document:
    """A document from a TOML or JSON file, or from a dict.

    Raises:
        SpecError: the file is missing, unreadable or invalid, or one of its values is too large or too deep.
    """
    if isinstance(source, Mapping):
        # Through JSON: tuples become lists, and values that a spec cannot hold raise.
        try:
            return Document(json.loads(json.dumps(source))).checked()
        except (TypeError, ValueError, RecursionError) as error:
            if isinstance(error, SpecError):
                raise
            raise SpecError([Problem("spec", "plain values, lists and dicts", str(error))]) from error
    path = Path(source)
    if (path / "spec.toml").is_file():  # the folder of a run
        path /= "spec.toml"
    try:
        with path.open(encoding="utf-8-sig") as file:  # some editors write a byte order mark
            text = file.read(LARGEST + 1)
    except FileNotFoundError:
        near = ", ".join(sorted(p.name for p in path.parent.glob("*.toml"))) if path.parent.is_dir() else ""
        hint = f"Specs in that folder: {near}." if near else "Check the path; `probvae init` writes a first spec."
        raise SpecError([Problem("file", "a spec", "no file of that name", hint, str(path))]) from None
    except UnicodeDecodeError as error:
        hint = "Save the file as UTF-8."
        raise SpecError([Problem("file", "a readable text file", str(error), hint, str(path))]) from None
    except OSError as error:
        found = "a directory" if path.is_dir() else str(error)
        raise SpecError([Problem("file", "a readable text file", found, where=str(path))]) from None
    if len(text) > LARGEST:
        expected = f"a spec, at most {LARGEST:,} characters"
        raise SpecError([Problem("file", expected, "a larger file", "Check the path.", str(path))])
    return (_read_json if path.suffix == ".json" else _read_toml)(text, path).checked()


def show(value: object) -> str:
    """A value as it is written in a spec, shortened."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _read_toml(text: str, path: Path) -> Document:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        where = f"{path}:{at[1]}" if at else f"{path}:{text.count(chr(10)) + 1}"
        raise SpecError([Problem("TOML", "valid TOML", str(error), where=where)]) from None
    except (RecursionError, ValueError) as error:
        wrong = (line for line, statement in _statements(text) if not _is_within_limits(statement))
        raise SpecError([_beyond(error, "TOML", f"{path}:{next(wrong, 1)}")]) from None
    places: dict[KeyPath, str] = {(): str(path)}
    for key, line, header in _lines(text):
        if header or key not in places:  # a table without a header begins with its first key
            places[key] = f"{path}:{line}"
    return Document(tables, places, folder=path.parent)


def _is_within_limits(statement: str) -> bool:
    """Whether Python can parse a statement, whatever TOML says of it."""
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return True
    except (RecursionError, ValueError):
        return False
    return True


def _beyond(error: Exception, name: str, where: str) -> Problem:
    """A problem from a parser's error about a value that is too large or too deep."""
    if isinstance(error, RecursionError):
        return Problem(name, _DEPTH, "more", "Close the brackets.", where)
    return Problem(name, _INTEGER, "one of thousands of digits", where=where)


def _unusable(value: object, path: KeyPath = (), depth: int = 0) -> Iterator[tuple[KeyPath, str, str]]:
    """The key path of each value that is too large, too deep or no text; what was expected; what it got."""
    if isinstance(value, (dict, list)):
        if depth > DEEPEST:
            yield path, _DEPTH, "more"
            return
        for key, part in value.items() if isinstance(value, dict) else ((None, part) for part in value):
            yield from _unusable(part, path if key is None else (*path, key), depth + 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield path, _INTEGER, show(value) if value.bit_length() < 1000 else f"one of {value.bit_length()} bits"
    elif isinstance(value, str) and not value.isascii() and value.encode(errors="replace").decode() != value:
        yield path, "text", f"{show(value)}, half of a character"


def _read_json(text: str, path: Path) -> Document:
    def once(pairs: list[tuple[str, Any]]) -> Table:
        keys = Counter(key for key, _ in pairs)
        if len(keys) < len(pairs):
            ((twice, _),) = keys.most_common(1)
            raise SpecError([Problem(json.dumps(twice), "each key once", "this key twice", where=str(path))])
        return dict(pairs)

    try:
        tables = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise SpecError([Problem("JSON", "valid JSON", error.msg, where=f"{path}:{error.lineno}")]) from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError([_beyond(error, "JSON", str(path))]) from None
    if not isinstance(tables, dict):
        raise SpecError([Problem("JSON", "an object", show(tables), where=f"{path}:1")])
    return Document(tables, {(): str(path)}, folder=path.parent)


def value_of(text: str, place: str) -> Any:
    """The value of a text in TOML, or of a bare word.

    Args:
        text: the value.
        place: the option that it is from.

    Raises:
        SpecError: it is several values, or one that no parser takes.
    """
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text  # a bare word, as in data.use=fashion_mini
    except (RecursionError, ValueError) as error:
        raise SpecError([_beyond(error, "--set", f"{place[:60]}...")]) from None
    if len(parsed) > 1:
        raise SpecError([Problem("--set", "one value", repr(text), where="command line")])
    return parsed["value"]


def _lines(text: str) -> Iterator[tuple[KeyPath, int, bool]]:
    """Each key path of a valid TOML text, the line that its statement begins on, and whether it is a header's."""
    table: KeyPath = ()
    for line, text_of_it in _statements(text):
        statement = tomllib.loads(text_of_it)
        header = text_of_it.lstrip().startswith("[")
        paths = list(_paths(statement))
        if header and paths:
            table = paths[-1]
        for path in paths:
            yield (path if header else table + path), line, header and path == table


_MARK = re.compile(
    r""""{3}(?:\\.|[^\\])*?"{3,5} | \'{3}.*?\'{3,5} | "(?:\\.|[^"\\\n])*" | \'[^\'\n]*\' | \#[^\n]* | [][{}\n]""",
    re.DOTALL | re.VERBOSE,
)
"""The tokens that decide where a statement ends: strings, comments, brackets, line ends."""


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements, blank lines and comments of a TOML text, each with the line that it begins on."""
    line, start, depth = 1, 0, 0
    for mark in _MARK.finditer(text):
        if mark[0] in ("[", "{"):
            depth += 1
        elif mark[0] in ("]", "}"):
            depth -= 1
        elif mark[0] == "\n" and depth == 0:
            statement = text[start : mark.end()]
            yield line, statement
            line, start = line + statement.count("\n"), mark.end()
    yield line, text[start:]


def _paths(table: Mapping[str, object], prefix: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in table.items():
        path = (*prefix, key)
        yield path
        if isinstance(value, dict) and len(path) <= DEEPEST:
            yield from _paths(value, path)

"""A spec as it was written: its values, and the line that each of them stands on."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from probvae.errors import Problem, SpecError

KeyPath: TypeAlias = tuple[str, ...]


@dataclass
class Document:
    """A spec's tables, before anything is known of their meaning.

    Args:
        tables: the values.
        places: key path -> the file and line, or the option, that it was set by.
        overridden: the key paths that came from `--set`.
    """

    tables: dict[str, Any]
    places: dict[KeyPath, str] = field(default_factory=dict)
    overridden: set[KeyPath] = field(default_factory=set)

    def where(self, path: KeyPath) -> str:
        """The place of the longest known part of a key path."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return ""

    def has(self, path: KeyPath) -> bool:
        """Whether the spec itself says something at a key path."""
        table: Any = self.tables
        for key in path:
            if not isinstance(table, dict) or key not in table:
                return False
            table = table[key]
        return True

    def problem(self, path: KeyPath, expected: str, found: str, hint: str = "") -> Problem:
        """A problem at a key path, with its place."""
        return Problem(".".join(path) or "spec", expected, found, hint, self.where(path))

    def override(self, settings: Iterable[str]) -> Document:
        """Apply `--set` options, each `key.path=value` with a TOML value or a bare word.

        Raises:
            SpecError: an option is not of that form, or leads through something that is no table.
        """
        for text in settings:
            key, equals, value = text.partition("=")
            path = tuple(part.strip() for part in key.split("."))
            place = f"--set {text}"
            if not equals or not all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in path):
                raise SpecError(
                    [
                        Problem(
                            "--set",
                            "key.path=value, as model.prior.components=32",
                            repr(text),
                            where="command line",
                        )
                    ]
                )
            table = self.tables
            for depth, part in enumerate(path[:-1], 1):
                if part not in table:
                    table[part] = {}
                    self.places[path[:depth]] = place
                table = table[part]
                if not isinstance(table, dict):
                    raise SpecError([Problem(".".join(path[:depth]), "a table", show(table), where=place)])
            table[path[-1]] = _value(value.strip())
            self.places = {known: line for known, line in self.places.items() if known[: len(path)] != path}
            self.places[path] = place
            self.overridden.add(path)
        return self


def read(source: str | Path | Mapping[str, Any]) -> Document:
    """A document from a TOML or JSON file, or from a dict.

    Raises:
        SpecError: the file is not there, not readable, or not what its name says.
    """
    if isinstance(source, Mapping):
        # Through JSON, so that tuples become lists and what a spec cannot hold is refused here.
        try:
            return Document(json.loads(json.dumps(source)))
        except TypeError as error:
            raise SpecError([Problem("spec", "plain values, lists and dicts", str(error))]) from error
    path = Path(source)
    if (path / "spec.toml").is_file():  # the folder of a run
        path /= "spec.toml"
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors write a byte order mark
    except FileNotFoundError:
        near = ", ".join(sorted(p.name for p in path.parent.glob("*.toml"))) if path.parent.is_dir() else ""
        hint = f"Specs in that folder: {near}." if near else "Check the path."
        raise SpecError([Problem("file", "a spec", "no file of that name", hint, str(path))]) from None
    except UnicodeDecodeError as error:
        hint = "Save the file as UTF-8."
        raise SpecError([Problem("file", "a readable text file", str(error), hint, str(path))]) from None
    except OSError as error:
        found = "a directory" if path.is_dir() else str(error)
        raise SpecError([Problem("file", "a readable text file", found, where=str(path))]) from None
    if path.suffix == ".json":
        return _read_json(text, path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        where = f"{path}:{at[1]}" if at else f"{path}:{text.count(chr(10)) + 1}"
        raise SpecError([Problem("TOML", "valid TOML", str(error), where=where)]) from None
    places: dict[KeyPath, str] = {(): str(path)}
    for key, line, header in _lines(text):
        if header or key not in places:  # a table that only its parts mention begins where the first of them does
            places[key] = f"{path}:{line}"
    return Document(tables, places)


def show(value: Any) -> str:
    """A value as it stands in a spec, shortened."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _read_json(text: str, path: Path) -> Document:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise SpecError([Problem(twice[0], "each key once", "this key twice", where=str(path))])
        return dict(pairs)

    try:
        tables = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise SpecError([Problem("JSON", "valid JSON", error.msg, where=f"{path}:{error.lineno}")]) from None
    if not isinstance(tables, dict):
        raise SpecError([Problem("JSON", "an object", show(tables), where=f"{path}:1")])
    return Document(tables, {(): str(path)})


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text  # a bare word, as in data.use=fashion_mini
    if len(parsed) > 1:
        raise SpecError([Problem("--set", "one value", repr(text), where="command line")])
    return parsed["value"]


def _lines(text: str) -> Iterator[tuple[KeyPath, int, bool]]:
    """Each key path of a valid TOML text, the line that its statement begins on, and whether it is a header's.

    A statement is the fewest lines that parse by themselves, so TOML's own parser says where it ends.
    """
    table: KeyPath = ()
    pending, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):  # TOML knows no other line ends
        if not pending:
            start = number
        pending += line + "\n"
        try:
            statement = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # a value goes on over the next line
        header = pending.lstrip().startswith("[")
        paths = list(_paths(statement))
        if header and paths:
            table = paths[-1]
        for path in paths:
            yield (path if header else table + path), start, header and path == table
        pending = ""


def _paths(table: Mapping[str, Any], prefix: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in table.items():
        path = (*prefix, key)
        yield path
        if isinstance(value, dict):
            yield from _paths(value, path)

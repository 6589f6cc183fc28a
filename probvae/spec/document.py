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
                table = table.setdefault(part, {})
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
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = ", ".join(sorted(p.name for p in path.parent.glob("*.toml"))) if path.parent.is_dir() else ""
        hint = f"Specs in that folder: {near}." if near else "Check the path."
        raise SpecError([Problem("file", "a spec", "no file of that name", hint, str(path))]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([Problem("file", "a readable text file", str(error), where=str(path))]) from None
    if path.suffix == ".json":
        return _read_json(text, path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{path}:{line[1]}" if line else f"{path}:{text.count(chr(10)) + 1}"
        raise SpecError([Problem("TOML", "valid TOML", str(error), where=where)]) from None
    places = {(): str(path)} | {key: f"{path}:{line}" for key, line in _lines(text)}
    return Document(tables, places)


def show(value: Any) -> str:
    """A value as it stands in a spec, shortened."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _read_json(text: str, path: Path) -> Document:
    try:
        tables = json.loads(text)
    except json.JSONDecodeError as error:
        raise SpecError([Problem("JSON", "valid JSON", error.msg, where=f"{path}:{error.lineno}")]) from None
    if not isinstance(tables, dict):
        raise SpecError([Problem("JSON", "an object", show(tables), where=f"{path}:1")])
    return Document(tables, {(): str(path)})


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word, as in data.use=fashion_mini


def _lines(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Each key path of a valid TOML text and the line that its statement begins on.

    A statement is the fewest lines that parse by themselves, so TOML's own parser says where it ends.
    """
    table: KeyPath = ()
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
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
            yield (path if header else table + path), start
        pending = ""


def _paths(table: Mapping[str, Any], prefix: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in table.items():
        path = (*prefix, key)
        yield path
        if isinstance(value, dict):
            yield from _paths(value, path)

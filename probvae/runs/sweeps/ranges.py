"""The values of swept parameters: read from options, written in words and as names of folders."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from probvae.core import Table
from probvae.errors import UserError
from probvae.report.numbers import value_in_words
from probvae.specs.document import value_of

Values: TypeAlias = tuple[Any, ...]
"""The values of a parameter, as a spec can hold them."""

MOST = 10_000
"""The most combinations of values: each is checked before the first training, and gets a folder."""

_LONGEST_NAME = 60  # characters of the name of a run's folder
_KEY = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+"


@dataclass(frozen=True)
class Interval:
    """The values between two numbers, both included: integers if both are, and the parameter takes no fractions.

    Args:
        low: the lowest.
        high: the highest.
        log: whether they are sampled evenly in their logarithm.

    Raises:
        UserError: it is empty, has no end, or begins at 0 or below with `log`.
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UserError(
                f"Interval: expected two numbers, the lower one first; got {self.low} and {self.high}."
            )
        if self.log and self.low <= 0:
            raise UserError(f"Interval: expected a lower end above 0 for a log scale; got {self.low}.")

    @property
    def whole(self) -> bool:
        """Whether both ends are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


def read_grid(options: Sequence[str]) -> dict[str, Values]:
    """The values of `--over KEY=A,B,C` or `--over KEY=0..4`, by key.

    >>> read_grid(["objective.beta=0.5,1", "train.seed=0..2", "model.prior.use=vamp"])
    {'objective.beta': (0.5, 1), 'train.seed': (0, 1, 2), 'model.prior.use': ('vamp',)}

    Raises:
        UserError: an option is something else.
    """
    return {key: _listed(key, text) for key, text in _by_key("--over", options).items()}


def read_search(options: Sequence[str]) -> dict[str, Values | Interval]:
    """The values of `--search KEY=LOW..HIGH`, `--search KEY=LOW..HIGH:log` or `--search KEY=A,B,C`, by key.

    >>> read_search(["train.learning_rate=1e-4..1e-2:log"])
    {'train.learning_rate': Interval(low=0.0001, high=0.01, log=True)}

    Raises:
        UserError: an option is something else.
    """
    return {key: _interval(key, text) or _values(key, text) for key, text in _by_key("--search", options).items()}


def _by_key(option: str, settings: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for setting in settings:
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or not re.fullmatch(_KEY, key):
            example = "objective.beta=0.5,1,2" if option == "--over" else "train.learning_rate=1e-4..1e-2:log"
            raise UserError(f"{option}: expected KEY=VALUES, such as {example}; got {setting!r}.")
        if key in found:
            raise UserError(f"{option}: expected each key once; got {key} twice. Join their values with commas.")
        found[key] = text
    return found


def _ends(text: str) -> tuple[float, float, str] | None:
    """Both ends of `LOW..HIGH`, and what follows a colon; None of another text."""
    found = re.fullmatch(r"([^,]+?)\.\.([^,:]+)(?::(\w*))?", text)
    if not found:
        return None
    low, high = _number(found[1]), _number(found[2])
    return None if low is None or high is None else (low, high, found[3] or "")


def _number(text: str) -> float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _interval(key: str, text: str) -> Interval | None:
    if (ends := _ends(text)) is None:
        return None
    low, high, scale = ends
    if scale not in ("", "log"):
        raise UserError(f"--search {key}: expected LOW..HIGH or LOW..HIGH:log; got {text!r}.")
    try:
        return Interval(low, high, log=scale == "log")
    except UserError as error:
        raise UserError(f"--search {key}={text}: {error}") from None


def _listed(key: str, text: str) -> Values:
    if (ends := _ends(text)) is None:
        return _values(key, text)
    low, high, scale = ends
    if scale or not (isinstance(low, int) and isinstance(high, int)):
        raise UserError(
            f"--over {key}: expected integers FIRST..LAST, or values A,B,C; got {text!r}. A grid has the values "
            "that you name; --search samples from an interval."
        )
    if low > high:
        raise UserError(f"--over {key}: expected integers FIRST..LAST with at least one between; got {text!r}.")
    if high - low >= MOST:
        raise UserError(f"--over {key}: expected at most {MOST:,} values; got {high - low + 1:,}.")
    return tuple(range(low, high + 1))


def _values(key: str, text: str) -> Values:
    """Values with commas between them, each a TOML value or a bare word."""
    try:
        found = tomllib.loads(f"values = [{text}]")["values"]
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        found = [value_of(part.strip(), f"{key}={text}") for part in text.split(",")]
    if not found or "" in found:
        raise UserError(f"{key}: expected values with commas between them; got {text!r}.")
    return tuple(found)


def in_words(value: object) -> str:
    """A value as a table shows it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(inner)}" for key, inner in value.items())
    return str(value) if isinstance(value, int) else value_in_words(value)


def described(settings: Mapping[str, object]) -> str:
    """Settings in one line.

    >>> described({"objective.beta": 0.5, "train.seed": 1})
    'objective.beta=0.5, train.seed=1'
    """
    return ", ".join(f"{key}={in_words(value)}" for key, value in settings.items())


def folder_name(number: int, settings: Table) -> str:
    """The name of a trial's folder: its number, and the last part of each key with its value.

    >>> folder_name(3, {"objective.beta": 0.5, "model.encoder.network.hidden": [32, 64]})
    '003-beta=0.5-hidden=32_64'
    """
    parts = (f"{key.rpartition('.')[2]}={in_words(value)}" for key, value in settings.items())
    name = re.sub(r"[^\w.=+-]+", "_", "-".join(parts), flags=re.ASCII)
    return f"{number:03d}-{name[:_LONGEST_NAME]}"

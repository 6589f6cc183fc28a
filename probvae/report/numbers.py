"""The numbers of an evaluation.json, whatever it holds: each with its error, its unit and what it depends on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {
    "elbo": "evidence lower bound (ELBO) on log p(x)",
    "importance_weighted": "importance-weighted bound on log p(x)",
    "gain.elbo": "gain of the evidence lower bound",
    "gain.importance_weighted": "gain of the importance-weighted bound",
    "accuracy": "accuracy of the classifier",
    "convergence.importance_weighted_half": "importance-weighted bound from half of the samples",
    "convergence.effective_sample_size": "effective sample size",
    "convergence.effective_sample_size_under_5": "effective sample size under 5",
    "convergence.pareto_k_over_0.7": "Pareto k over 0.7",
}
_BITS = "bits_per_dimension"
_NOTES = ("note", "notes", "warning", "warnings")
_TRANSPARENT = ("settings", "numbers", "versions")  # tables whose names say nothing
_SEVERAL = 8  # the most values of one kind that are written out


@dataclass(frozen=True)
class Number:
    """A number, or one for each of several parts, with what belongs to it.

    Args:
        path: its keys in evaluation.json, joined by dots.
        value: the number, or that of each part.
        error: its standard error; None if it has none, or is of several parts.
        unit: its unit; empty if it has none.
        details: what else is said of it, as the number of samples: name in words -> value.
        notes: what it means, in words.
    """

    path: str
    value: float | tuple[float, ...]
    error: float | None
    unit: str
    details: dict[str, str]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is, in words."""
        path = self.path.removeprefix(f"{_BITS}.")
        keys = [key for key in path.split(".") if key not in ("metrics", "numbers")]
        name = _NAMES.get(path) or ": ".join(dict.fromkeys(filter(None, keys))).replace("_", " ") or "number"
        return name if path == self.path else f"negative {name}"

    @property
    def text(self) -> str:
        """The value with its error, without the unit; of many values their range."""
        if not isinstance(self.value, tuple):
            return with_error(self.value, self.error)
        if len(self.value) <= _SEVERAL:
            return ", ".join(f"{value:.3g}" for value in self.value)
        return f"{len(self.value)} numbers from {min(self.value):.3g} to {max(self.value):.3g}"


def numbers(evaluation: Mapping[str, object]) -> list[Number]:
    """All numbers of an evaluation: every table with a finite `value`, or several, in the order of the file.

    An estimate without a unit of its own, which a number of samples or of examples tells from others, has the unit
    of the evaluation.
    """
    unit = evaluation.get("unit")
    return list(_found(evaluation, (), unit if isinstance(unit, str) else ""))


def _found(value: object, path: tuple[str, ...], unit: str) -> Iterator[Number]:
    if isinstance(value, Mapping):
        if _is_number(value.get("value")) or _are_numbers(value.get("value")):
            yield _number(value, path, unit)
        else:
            for key, inner in value.items():
                yield from _found(inner, (*path, str(key)), unit)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
                yield from _found(inner, (*path, inner["name"]), unit)


def _number(table: Mapping[str, object], path: tuple[str, ...], unit: str) -> Number:
    error, own = table.get("standard_error"), table.get("unit")
    if not isinstance(own, str):
        estimate = "samples" in table or "examples" in table
        own = _BITS.replace("_", " ") if _BITS in path else unit if estimate else ""
    apart = ("name", "value", "standard_error", "unit", *_NOTES)
    details = {
        key.replace("_", " "): f"{value:.3g}" if isinstance(value, float) else value_in_words(value)
        for key, value in table.items()
        if key not in apart and isinstance(value, (bool, int, float, str))
    }
    value: Any = table["value"]
    return Number(
        ".".join(path),
        tuple(map(float, value)) if isinstance(value, list) else float(value),
        float(error) if isinstance(error, (int, float)) and _is_number(error) else None,
        own,
        details,
        tuple(_notes(table)),
    )


def _notes(table: Mapping[str, object]) -> list[str]:
    found = [table[key] for key in _NOTES if key in table]
    texts = [text for value in found for text in (value if isinstance(value, list) else [value])]
    return [text for text in texts if isinstance(text, str) and text]


def notes(evaluation: Mapping[str, object], name: str = "evaluation") -> list[tuple[str, str]]:
    """What an evaluation and the tables within it say in words, those of numbers left out: (table, text)."""
    if "value" in evaluation:
        return []
    inner = [(key.replace("_", " "), value) for key, value in evaluation.items() if isinstance(value, Mapping)]
    own = [(name, text) for text in _notes(evaluation)]
    return own + [note for key, value in inner for note in notes(value, key)]


def plain_values(table: Mapping[str, object], before: str = "") -> dict[str, str]:
    """Every plain value of a table and of those within it; numbers, notes and what is empty or long are left out.

    Returns:
        Name in words -> value.
    """
    found: dict[str, str] = {}
    for key, value in table.items():
        name = f"{before}{key.replace('_', ' ')}"
        if isinstance(value, Mapping) and "value" not in value:
            found |= plain_values(value, before if key in _TRANSPARENT else f"{name}: ")
        elif _is_plain(value) and value != "" and key not in (*_NOTES, "unit"):
            found[name] = value_in_words(value)
    return found


def _is_plain(value: object) -> bool:
    """Whether it is a string or a number, or a list of a few strings."""
    if isinstance(value, list):
        return 0 < len(value) <= _SEVERAL and all(isinstance(text, str) for text in value)
    return isinstance(value, (bool, int, float, str))


def value_in_words(value: object) -> str:
    """A value of a table as text.

    >>> value_in_words(1000), value_in_words(0.5), value_in_words(True), value_in_words([32, 64])
    ('1,000', '0.5', 'yes', '32, 64')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(value_in_words, value)) or "none"
    return str(value)


def plain_number(value: float, digits: int = 2) -> str:
    """A number with a fixed number of digits after the point, and a minus sign instead of a hyphen.

    >>> plain_number(1234.567)
    '1,234.57'
    """
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def with_error(value: float, error: float | None) -> str:
    """A value with its standard error, which has two significant digits, and both at least two after the point.

    >>> with_error(311.7414, 2.774), with_error(0.57366, 0.0051), with_error(12, None)
    ('311.74 ± 2.77', '0.5737 ± 0.0051', '12')
    """
    if error is None:
        return plain_number(value, 0) if value == int(value) else plain_number(value, 2 if abs(value) >= 10 else 4)
    digits = max(2, 1 - math.floor(math.log10(error))) if error > 0 else 2
    return f"{plain_number(value, min(digits, 8))} ± {plain_number(error, min(digits, 8))}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(map(_is_number, values))

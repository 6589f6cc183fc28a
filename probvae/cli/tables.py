"""Tables in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[list[str]]:
    """The cells of each row, filled up to the width of their column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]

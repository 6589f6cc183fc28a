"""Tables in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[list[str]]:
    r"""The cells of each row, filled up to the width of their column; what cannot be printed is escaped.

    >>> list(aligned([("run", "epochs"), ("a\nb", "3")]))
    [['run ', 'epochs'], ['a\\nb', '3     ']]
    """
    printed = [[_in_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*printed, strict=True)]
    for row in printed:
        yield [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]


def _in_one_line(cell: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in cell
    )

"""Data that does not fit in memory is refused before it is read."""

from __future__ import annotations

from probvae.core import available_memory, readable
from probvae.errors import ConfigError


def check_memory(place: str, needed: int, what: str, fix: str) -> None:
    """Raise if data does not fit into memory, before it is read.

    Args:
        place: the key of the spec that names it.
        needed: the bytes that it takes.
        what: the largest part of it.
        fix: what to do then.
    """
    available = available_memory()
    if available is not None and needed > available:
        expected = f"data that fits in the {readable(available)} of memory that are available"
        raise ConfigError.of(place, expected, f"{what}, with which the data needs {readable(needed)}", fix)

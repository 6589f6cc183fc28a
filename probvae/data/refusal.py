"""How a dataset says that a parameter is wrong."""

from __future__ import annotations

from typing import NoReturn

from probvae.errors import ConfigError


def refuse(parameter: str, expected: str, found: str, hint: str = "") -> NoReturn:
    """Raise what a user reads: the parameter, what was expected, what was found, the way out."""
    message = f"data.{parameter}: expected {expected}; found {found}."
    raise ConfigError(f"{message} {hint}" if hint else message, parameter)

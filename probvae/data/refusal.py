"""How a dataset says that a parameter is wrong."""

from __future__ import annotations

from typing import NoReturn

from probvae.core import Shape, Values, full_scale
from probvae.errors import ConfigError


def refuse(parameter: str, expected: str, found: str, hint: str = "") -> NoReturn:
    """Raise what a user reads: the parameter, what was expected, what was found, how to fix it."""
    message = f"data.{parameter}: expected {expected}; got {found}."
    raise ConfigError(f"{message} {hint}" if hint else message, parameter)


def to_probabilities(stored: Values, shape: Shape) -> str:
    """How to make values probabilities, in a sentence; counts are none whatever they are divided by.

    Args:
        stored: the values, before they are divided by anything.
        shape: E, the shape of an example.
    """
    if stored.low < 0:
        return 'Set data.binarize = "none".'
    if scale := full_scale(stored, shape):
        return f'Set data.divide_by = {scale:g}, or data.binarize = "none".'
    return (
        'These seem to be counts: set data.binarize = "none" and take a likelihood of counts, as binarising keeps '
        "little of them. If they are intensities, set data.divide_by to the largest possible one."
    )

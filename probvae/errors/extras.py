"""Packages that an extra of probvae installs."""

from __future__ import annotations

import importlib
from typing import Any

from probvae.errors.kinds import UserError


def from_extra(module: str, extra: str, what: str) -> Any:
    """A module that only an extra installs.

    Args:
        module: its name.
        extra: the extra of probvae.
        what: what is done by it, as the start of a sentence: "Tables are read".

    Raises:
        UserError: it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"{what} by {module}, which cannot be imported ({error}). Install it: pip install 'probvae[{extra}]'"
        ) from error

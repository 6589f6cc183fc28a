"""A spec as MLflow accepts it: flat, as text, within its limits."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

# The limits of MLflow 3; other names are an error there, a longer value is truncated silently.
MAX_NAME = 250
MAX_VALUE = 6000


def flat(spec: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested tables as one, with names like `model.prior.components`.

    >>> flat({"model": {"latent_dim": 2, "network": {"use": "dense", "hidden": [8, 4]}}})
    {'model.latent_dim': '2', 'model.network.use': 'dense', 'model.network.hidden': '[8, 4]'}
    """
    found: dict[str, str] = {}
    for key, value in spec.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[name(prefix + key)] = text(value)
    return found


def name(wanted: str) -> str:
    """A name that MLflow accepts; one that had to be changed ends in a digest, so that names stay distinct.

    >>> name("model.prior.components"), name("train/loss"), name("what? é..")
    ('model.prior.components', 'train/loss', 'what_ é..-fd106eb6')
    """
    # No colon, which a server on Windows refuses; no part with a meaning in paths.
    parts = [re.sub(r"[^\w.\- ]", "_", part) for part in wanted.split("/")]
    found = "/".join("_" if part in ("", ".", "..") else part for part in parts)
    if found == wanted and len(found) <= MAX_NAME:
        return found
    return f"{found[: MAX_NAME - 9]}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def text(value: Any) -> str:
    r"""A value as text: a string of one line unchanged, everything else as JSON; a truncated one ends in `…`.

    >>> text("vamp"), text(True), text([8, 4]), text("two\nlines")
    ('vamp', 'true', '[8, 4]', '"two\\nlines"')
    """
    plain = isinstance(value, str) and value.isprintable()
    found = value if plain else json.dumps(value, ensure_ascii=False, default=str)
    return found if len(found) <= MAX_VALUE else f"{found[: MAX_VALUE - 1]}…"

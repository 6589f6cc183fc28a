"""A spec and an evaluation as MLflow accepts them: flat, within its limits."""

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


def numbers(evaluation: Mapping[str, Any], before: str) -> dict[str, float]:
    """The numbers of an evaluation with their standard errors; of a list, as one for each latent, there are none.

    >>> bound, probe = {"value": -237.5, "standard_error": 2.5}, {"value": 0.75, "standard_error": None}
    >>> table = {"settings": {"use": "probe"}, "numbers": {"most_frequent_class": probe}}
    >>> numbers({"elbo": bound, "metrics": {"probe": table}}, "test")
    {'test/elbo': -237.5, 'test/elbo_standard_error': 2.5, 'test/probe/most_frequent_class': 0.75}
    """
    found: dict[str, float] = {}
    for key, inner in evaluation.items():
        if key == "settings" or not isinstance(inner, Mapping):
            continue
        path = before if key in ("metrics", "numbers") else f"{before}/{key}"
        if "value" not in inner:
            found |= numbers(inner, path)
        elif not isinstance(inner["value"], list):
            found[path] = inner["value"]
            if inner.get("standard_error") is not None:
                found[f"{path}_standard_error"] = inner["standard_error"]
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

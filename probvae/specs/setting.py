"""Values in TOML, as specs and `--set` have them."""

from __future__ import annotations

from collections.abc import Mapping

import tomli_w


def setting(key: str, value: object) -> str:
    """A parameter with a value, as `--set` takes it.

    >>> setting("model.prior", {"use": "mixture", "components": 4})
    'model.prior={"use" = "mixture", "components" = 4}'
    """
    return f"{key}={_in_toml(value)}"


def _in_toml(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_in_toml(key)} = {_in_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_in_toml, value)) + "]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").removesuffix("\n")

"""Whether a built-in encoder or decoder takes the condition of the data."""

from __future__ import annotations

from probvae.errors import ConfigError


def taken(kind: str, condition_dim: int | None, condition: bool | None) -> int:
    """C where the condition is taken, otherwise 0.

    Args:
        kind: of the component, for the error.
        condition_dim: C; None if the data has no condition.
        condition: whether to take it; None for wherever there is one.

    Raises:
        ConfigError: there is none to take.

    >>> taken("encoder", 10, None), taken("encoder", 10, False), taken("encoder", None, None)
    (10, 0, 0)
    """
    if condition and condition_dim is None:
        raise ConfigError(
            f"network {kind}: expected data with a condition, as condition = true; got none. Set "
            "[data] condition = 'labels', or leave condition out.",
            parameter="condition",
        )
    return 0 if condition is False or condition_dim is None else condition_dim

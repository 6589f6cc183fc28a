"""What to say of numbers that are not finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from probvae.training.checkpoint import newest_checkpoint

LOWER = "Try a lower train.learning_rate, or train.clip_norm = 10."
SKIP = 'train.non_finite = "skip" leaves such steps out and counts them.'
INITIALISE = "Mend how they are initialised."


def not_finite(variables: Mapping[str, Any]) -> list[str]:
    """The names of those that hold infinities or NaNs."""
    return [name for name, value in variables.items() if not np.all(np.isfinite(np.asarray(value)))]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def last_good(checkpoints: Path | None, run: str) -> str:
    """Where a training that has failed can be taken up again."""
    if checkpoints is None:
        return "Nothing was saved, as there is no folder for checkpoints."
    found, _ = newest_checkpoint(checkpoints, run)
    return f"The last good checkpoint is {found.folder}." if found else "No checkpoint was written yet."

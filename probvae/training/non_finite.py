"""What to say of numbers that are not finite, and what may help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from probvae.core import Tensor
from probvae.training.checkpoint import newest_checkpoint
from probvae.training.settings import TrainSettings

INITIALISE = "Change how they are initialised."
UNMOVED = "No step has moved the model yet, so look at the data, the initial values and the loss itself."
NO_SLOPE = "Look for a root, a logarithm, a norm or a quotient at 0, where a value is finite and its slope is not."


def lower(settings: TrainSettings) -> str:
    """How to take smaller steps than these settings do."""
    rate, clip = settings.learning_rate, settings.clip_norm
    norm = f"a lower train.clip_norm than {clip:g}" if clip else "train.clip_norm = 10"
    return f"Try a lower train.learning_rate than {rate:g}, or {norm}."


def skip(settings: TrainSettings) -> str:
    """How to leave out a step that is not finite, where these settings do not."""
    if settings.non_finite == "skip":
        return ""
    return 'train.non_finite = "skip" leaves such steps out and counts them.'


def not_finite(variables: Mapping[str, Tensor]) -> list[str]:
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

"""The [evaluate] table of a spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from probvae.core import Checked, Positive


@dataclass(frozen=True)
class EvaluateSettings(Checked):
    """How a trained model is evaluated on the test data.

    Args:
        samples: S, the number of latents per example; the importance-weighted bound rises with it, and published
            tables use 5,000.
        batch_size: the number of latents that are decoded at a time, which limits the memory.
        seed: the noise is a function of it.

    Raises:
        ConfigError: a setting is out of its bounds.
    """

    samples: Positive = 100
    batch_size: Positive = 2000
    seed: Annotated[int, Ge(0)] = 0

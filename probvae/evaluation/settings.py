"""The [evaluate] table of a spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from probvae.core import Checked, FilePath, Positive


@dataclass(frozen=True)
class EvaluateSettings(Checked):
    """How a trained model is evaluated on the test data.

    Args:
        samples: S, the number of latents per example; the importance-weighted bound rises with it, and published
            tables use 5,000.
        batch_size: the number of latents that are decoded at a time, which limits the memory.
        seed: the noise is a function of it.
        compare_with: the folder of another run on the same data: the evaluation has the gain over it too, the mean
            of the differences between the bounds of each example; "" for none.

    Raises:
        ConfigError: a setting is out of its bounds.
    """

    samples: Positive = 100
    batch_size: Positive = 2000
    seed: Annotated[int, Ge(0)] = 0
    compare_with: FilePath = ""

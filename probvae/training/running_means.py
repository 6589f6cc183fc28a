"""Running means over the steps of an epoch, which a checkpoint saves and restores exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from pydantic import ConfigDict

from probvae.core import STRICT, Array, Count
from probvae.errors import CheckpointError


@dataclass(frozen=True)
class RunningMeansState:
    """Running means as plain numbers.

    Args:
        sums: the sums of the loss and its terms over the examples, by name.
        examples: the number of examples.
        seconds: the time that their steps took.
        skipped: the number of skipped steps.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    sums: dict[str, float]
    examples: Count
    seconds: Annotated[float, Ge(0)]
    skipped: Count


class RunningMeans:
    """Means of the loss and its terms over examples.

    Sums are added in double precision, step by step, so that they do not depend on how many steps run at a time,
    nor on interruptions.

    Args:
        names: of the loss and its terms.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._sums = np.zeros(len(self._names))
        self.examples = 0
        self.seconds = 0.0
        self.skipped = 0

    def add(self, means: Array, examples: int, applied: bool = True) -> None:
        """Add the means over some examples, if the step was applied; otherwise count a skipped step."""
        if applied:
            self._sums += means.astype(np.float64) * examples
            self.examples += examples
        else:
            self.skipped += 1

    def means(self) -> dict[str, float]:
        """The means over all examples so far, in nats per example; NaN if there are none."""
        values = self._sums / self.examples if self.examples else np.full(len(self._names), np.nan)
        return dict(zip(self._names, map(float, values), strict=True))

    def state(self) -> RunningMeansState:
        """Plain numbers, which `read` restores."""
        sums = dict(zip(self._names, map(float, self._sums), strict=True))
        return RunningMeansState(sums, self.examples, self.seconds, self.skipped)

    @classmethod
    def read(cls, names: Sequence[str], state: RunningMeansState) -> RunningMeans:
        """The running means of a state.

        Raises:
            CheckpointError: its sums are not of these names.
        """
        if set(state.sums) != set(names):
            raise CheckpointError(
                f"The checkpoint's totals: expected sums of {', '.join(names)}; got {', '.join(state.sums)}. "
                "It belongs to another objective."
            )
        totals = cls(names)
        totals._sums[:] = [state.sums[name] for name in names]
        totals.examples, totals.seconds, totals.skipped = state.examples, state.seconds, state.skipped
        return totals

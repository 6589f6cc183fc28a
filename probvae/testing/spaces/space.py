"""What a space is: a support, to integrate over and to propose points in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import inf

import numpy as np
import numpy.typing as npt

from probvae.testing.floats import Floats


class Space(ABC):
    """A support in D dimensions.

    Attributes:
        axes: how many dimensions the space has of its own: D - 1 for a surface.
    """

    axes: int

    @abstractmethod
    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """Points [N, D] from the unit cube [N, axes], for at most two axes, and the volume [N] of the map at each.

        The map gives more of the cube to where the samples are.
        """

    @abstractmethod
    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """Where in the unit cube [N, axes] points [N, D] come from."""

    @abstractmethod
    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """Points [count, D] from a proposal that covers the space and is dense where the samples are."""

    @abstractmethod
    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """The log-density [N] of the proposal that these samples [M, D] define, at points [N, D]."""

    def coordinates(self, points: Floats) -> Floats:
        """Points [N, D] as numbers that single precision resolves wherever samples lie: their own, or others."""
        return points

    @abstractmethod
    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether each of the points [N, D] is in the space, [N]."""

    def extremes(self, samples: Floats) -> Floats:
        """Points [N, D] all over the space that its definition names, to compare data with; none here."""
        return samples[:0]


def spread_over(low: float, high: float, samples: Floats) -> Floats:
    """Numbers from end to end of an interval; where it has none, from well below to well above the samples."""
    reach = 3 * samples.std() + 3
    return np.linspace(
        low if low > -inf else samples.min() - reach, high if high < inf else samples.max() + reach, 17
    )

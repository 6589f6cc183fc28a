"""Unit vectors."""

from __future__ import annotations

from math import lgamma, log, pi

import numpy as np
import numpy.typing as npt

from probvae.testing.floats import Floats, logsumexp
from probvae.testing.spaces.space import Space


class Sphere(Space):
    """The unit sphere in R^D, under surface area.

    The proposal is uniform by one half, and by the other lies around some samples: power spherical kernels
    (De Cao and Aziz, The power spherical distribution, 2020), whose density is in closed form.

    Args:
        dimensions: D, at least 2.
    """

    kernels = 64

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.axes = dimensions - 1
        self.log_area = log(2) + 0.5 * dimensions * log(pi) - lgamma(0.5 * dimensions)

    def from_cube(self, cube: Floats, samples: Floats) -> tuple[Floats, Floats]:
        """The circle by its angle; the sphere in three dimensions by angle and height (Archimedes)."""
        angle = 2 * pi * cube[:, 0]
        if self.dimensions == 2:
            return np.stack([np.cos(angle), np.sin(angle)], -1), np.full(len(cube), 2 * pi)
        height = 2 * cube[:, 1] - 1
        ring = np.sqrt(1 - height**2)
        points = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], -1)
        return points, np.full(len(cube), 4 * pi)

    def to_cube(self, points: Floats, samples: Floats) -> Floats:
        """The angle, and the height."""
        angle = np.arctan2(points[:, 1], points[:, 0]) / (2 * pi) % 1
        return np.stack([angle, 0.5 * (points[:, 2] + 1)], -1) if self.dimensions == 3 else angle[:, None]

    def propose(self, count: int, samples: Floats, rng: np.random.Generator) -> Floats:
        """See the class."""
        even = _unit(rng.normal(size=(count, self.dimensions)))
        centres, kappa = self._parts(samples)
        half = 0.5 * (self.dimensions - 1)
        along = 2 * rng.beta(half + kappa, half, size=count) - 1
        centre = centres[rng.integers(len(centres), size=count)]
        across = rng.normal(size=(count, self.dimensions))
        across = _unit(across - (across * centre).sum(-1, keepdims=True) * centre)
        near = along[:, None] * centre + np.sqrt(np.maximum(0, 1 - along[:, None] ** 2)) * across
        return _unit(np.where(rng.random((count, 1)) < 0.5, even, near))

    def log_density(self, points: Floats, samples: Floats) -> Floats:
        """See the class."""
        centres, kappa = self._parts(samples)
        half = 0.5 * (self.dimensions - 1)
        log_norm = (2 * half + kappa) * log(2) + half * log(pi) + lgamma(half + kappa) - lgamma(2 * half + kappa)
        with np.errstate(divide="ignore"):
            near = logsumexp(kappa * np.log1p(np.clip(points @ centres.T, -1, 1)))
        return np.logaddexp(log(0.5) - self.log_area, log(0.5) + near - log_norm - log(len(centres)))

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        """Whether the norm is 1 as far as single precision tells."""
        return np.asarray(np.abs(np.linalg.norm(points, axis=-1) - 1) < 1e-4)

    def _parts(self, samples: Floats) -> tuple[Floats, float]:
        """Centres, and a concentration with which neighbours among the samples overlap."""
        centres = _unit(samples[: self.kernels])
        resultant = min(float(np.linalg.norm(samples.mean(0))), 0.999)
        kappa = resultant * (self.dimensions - resultant**2) / (1 - resultant**2)
        return centres, 2.0 + 2 * kappa


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300))

"""Metrics: named numbers about a trained model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from probvae.core.checked import Checked
from probvae.core.data import Data
from probvae.core.types import Seed
from probvae.core.vae import VAE


class Metric(Checked, ABC):
    """Named numbers about a trained model, each with its standard error where it is an estimate."""

    kind: ClassVar[str] = "metric"

    @abstractmethod
    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, tuple[float, float | None]]:
        """The numbers: name -> (value, standard error or None)."""

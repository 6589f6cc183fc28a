"""Metrics: named numbers about a trained model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self, TypeAlias

import numpy as np

from probvae.core.checked import Checked
from probvae.core.data import Data
from probvae.core.types import Array, Seed
from probvae.core.vae import VAE
from probvae.errors import ConfigError

Numbers: TypeAlias = float | tuple[float, ...]


@dataclass(frozen=True)
class Measurement:
    """A number about a trained model, or one number for each of several parts, such as latents.

    Args:
        value: the number, or that of each part.
        unit: of the value, such as "nats per example", "latents" or "share of the examples".
        standard_error: of the value, or of that of each part; None where it is exact or unknown.
        note: a sentence on what the value means, where a reader could misread it; empty if there is none.
    """

    value: Numbers
    unit: str
    standard_error: Numbers | None = None
    note: str = ""

    @classmethod
    def mean(cls, values: Array, unit: str, note: str = "") -> Self:
        """The mean over N examples, with its standard error s/√N, s the standard deviation.

        Args:
            values: of each example, [N], or of each example and part, [N, parts].
            unit: as above.
            note: as above.
        """
        count = len(values)
        value: Array = np.asarray(np.mean(values, axis=0, dtype=np.float64))
        if count < 2:
            return cls(_numbers(value), unit, None, note)
        spread: Array = np.asarray(np.std(values, axis=0, ddof=1, dtype=np.float64))
        return cls(_numbers(value), unit, _numbers(spread / math.sqrt(count)), note)

    @classmethod
    def share(cls, found: Array, unit: str = "share of the examples", note: str = "") -> Self:
        """The share a of N examples that have a property, with its standard error √(a (1 - a) / N).

        Args:
            found: whether each example has it, bool [N].
            unit: as above.
            note: as above.
        """
        share, count = float(np.mean(found)), len(found)
        return cls(share, unit, math.sqrt(share * (1.0 - share) / count) if count > 1 else None, note)


class Metric(Checked, ABC):
    """Named numbers about a trained model, each with its unit, and its standard error where it is an estimate."""

    kind: ClassVar[str] = "metric"

    def check(self, vae: VAE, data: Data) -> None:
        """Check that the metric can be used with a model and data; called before the model is trained.

        Raises:
            ConfigError: it cannot; the message says what it expects of them.
        """
        if not len(data.test):
            raise ConfigError(f"{type(self).__name__} metric: expected test examples; got none.")

    @abstractmethod
    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The numbers by name: of `data.test`, and a function of the seed.

        A metric that learns, as a classifier, learns from `data.train`.
        """


def _numbers(values: Array) -> Numbers:
    """A float of an array [], and a tuple of one [parts]."""
    return tuple(values.tolist()) if np.ndim(values) else float(values)

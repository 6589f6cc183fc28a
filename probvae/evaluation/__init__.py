"""Estimates for a trained model with their standard errors, and functions over the examples of a split."""

from probvae.evaluation.likelihood import Bits, Bounds, Convergence, Estimate, bounds, example_bounds
from probvae.evaluation.passes import over_examples
from probvae.evaluation.settings import EvaluateSettings

__all__ = [
    "Bits",
    "Bounds",
    "Convergence",
    "Estimate",
    "EvaluateSettings",
    "bounds",
    "example_bounds",
    "over_examples",
]

"""Numbers about a trained model, each with its standard error, and passes over the examples of a split."""

from probvae.evaluation.likelihood import Bounds, Estimate, bounds, example_bounds
from probvae.evaluation.passes import over
from probvae.evaluation.settings import EvaluateSettings

__all__ = ["Bounds", "Estimate", "EvaluateSettings", "bounds", "example_bounds", "over"]

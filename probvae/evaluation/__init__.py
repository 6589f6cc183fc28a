"""Numbers about a trained model, each with its standard error."""

from probvae.evaluation.likelihood import Bounds, Estimate, bounds
from probvae.evaluation.settings import EvaluateSettings

__all__ = ["Bounds", "Estimate", "EvaluateSettings", "bounds"]

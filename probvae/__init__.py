"""probvae: variational autoencoders from interchangeable, checked parts, on TensorFlow Probability.

All that the author of a component needs is here. Importing this package imports no TensorFlow; each name and each
package below loads on first use.
"""

from probvae._lazy import lazy

__version__ = "0.1.0"

TARGETS = [
    # the parts of a model, and what trains and measures it
    "probvae.core:VAE",
    "probvae.core:Encoder",
    "probvae.core:Decoder",
    "probvae.core:Prior",
    "probvae.core:Classifier",
    "probvae.core:Network",
    "probvae.core:PosteriorHead",
    "probvae.core:LikelihoodHead",
    "probvae.core:Objective",
    "probvae.core:Dataset",
    "probvae.core:Metric",
    "probvae.core:Measurement",
    "probvae.core:Component",
    "probvae.objectives:ELBO",
    "probvae.objectives:IWAE",
    "probvae.objectives:SemiSupervised",
    # from a spec
    "probvae.runs:build",
    "probvae.training:Callback",
    "probvae.runs:compare",
    "probvae.runs:evaluate",
    "probvae.runs:export",
    "probvae.runs:load",
    "probvae.runs:pull",
    "probvae.runs:push",
    "probvae.runs:refit",
    "probvae.runs:sweep",
    "probvae.runs:Interval",
    "probvae.runs:train",
    # plugins
    "probvae.registry:register",
    "probvae.registry:ComponentSpec",
    "probvae.registry:hookimpl",
    "probvae.registry:RunView",
    # signatures
    "probvae.core:FilePath",
    "probvae.core:Positive",
    "probvae.core:PositiveFloat",
    "probvae.core:Use",
    "probvae.core:Promises",
    # supports
    "probvae.core:Values",
    "probvae.core:REAL",
    "probvae.core:UNIT",
    "probvae.core:BINARY",
    "probvae.core:COUNTS",
    "probvae.core:ONE_HOT",
    "probvae.core:SPHERE",
    "probvae.core:SIMPLEX",
    "probvae.core:LogSimplex",
    "probvae.core:Support",
    # types
    "probvae.core:Array",
    "probvae.core:Bijector",
    "probvae.core:Distribution",
    "probvae.core:LabelDistribution",
    "probvae.core:Seed",
    "probvae.core:Shape",
    "probvae.core:Tensor",
    # densities and objectives
    "probvae.core:CustomDistribution",
    "probvae.core:Hierarchy",
    "probvae.core:Batch",
    "probvae.core:Exact",
    "probvae.core:Losses",
    "probvae.core:fold_in",
    "probvae.core:normal_noise",
    "probvae.core:same_example",
    "probvae.core:sample_and_log_prob",
    "probvae.core:stopped_log_prob",
    "probvae.core:uniform_noise",
    "probvae.core:whole_batch",
    "probvae.core:whole_batch_mean",
    # data
    "probvae.core:Data",
    "probvae.core:DataInfo",
    "probvae.core:Condition",
    "probvae.core:Split",
    "probvae.core:ArrayLike",
    "probvae.core:StreamedArray",
    "probvae.core:DType",
    "probvae.core:Rows",
    # errors
    "probvae.errors:ProbvaeError",
    "probvae.errors:ConfigError",
    "probvae.errors:DataError",
    "probvae.errors:ShapeError",
]

PACKAGES = ["components", "data", "errors", "objectives", "registry", "report", "testing"]
"""The public subpackages: `probvae.components.Mixture` needs no import of its own."""

__all__, __getattr__, __dir__ = lazy(__name__, TARGETS, PACKAGES)

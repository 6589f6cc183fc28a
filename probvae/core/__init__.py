"""The parts of a model, `VAE`, objectives and datasets: the foundation of all other packages."""

from probvae.core.autograph import without_autograph
from probvae.core.batch import Batch
from probvae.core.blocks import rows_at_a_time
from probvae.core.checked import Checked
from probvae.core.component import Component
from probvae.core.condition import Condition, ConditionColumn
from probvae.core.data import (
    ArrayLike,
    Binarize,
    Data,
    DataInfo,
    Dataset,
    LazyIntensities,
    Rows,
    Split,
    StreamedArray,
)
from probvae.core.distributions import CustomDistribution, factors
from probvae.core.divergences import block_log_probs, exact_kl, of_each_latent
from probvae.core.draws import mean_of, normal_noise, sample_and_log_prob, stopped_log_prob, uniform_noise
from probvae.core.hierarchy import Hierarchy
from probvae.core.images import channels_first, full_scale
from probvae.core.kinds import KINDS
from probvae.core.losses import FINAL_STEP, Losses
from probvae.core.memory import available_memory, readable
from probvae.core.metric import Measurement, Metric
from probvae.core.network import Network, dtype_policy
from probvae.core.objective import Exact, Objective
from probvae.core.parameters import FilePath, Positive, PositiveFloat, Promises, Tag, Use
from probvae.core.parts import Classifier, Decoder, Encoder, LikelihoodHead, PosteriorHead, Prior
from probvae.core.replicas import Replicas, apart, same_example, whole_batch, whole_batch_mean
from probvae.core.seeds import Stream, as_seed, fold_in, split_seed
from probvae.core.signature import CONTEXT, REQUIRED, Parameter, Signature, context_like
from probvae.core.step import gradient_step, gradients_and_means
from probvae.core.traces import free_traces
from probvae.core.typed import STRICT, Count, from_json, table_from_json
from probvae.core.types import (
    Annotation,
    Array,
    Bijector,
    Context,
    Distribution,
    DType,
    Factory,
    LabelDistribution,
    Seed,
    Shape,
    Table,
    Tensor,
)
from probvae.core.vae import VAE
from probvae.core.values import (
    BINARY,
    COUNTS,
    OF_KIND,
    ONE_HOT,
    REAL,
    SIMPLEX,
    SPHERE,
    UNIT,
    Group,
    GroupedValues,
    LogSimplex,
    Support,
    Surface,
    Values,
)
from probvae.core.variables import named_variables, trainable_names

__all__ = [
    "STRICT",
    "VAE",
    "Count",
    "from_json",
    "table_from_json",
    "Component",
    "Batch",
    "Condition",
    "ConditionColumn",
    "Checked",
    "Encoder",
    "Decoder",
    "Prior",
    "Classifier",
    "Network",
    "dtype_policy",
    "PosteriorHead",
    "LikelihoodHead",
    "Objective",
    "Exact",
    "Losses",
    "Dataset",
    "Metric",
    "Measurement",
    "Data",
    "DataInfo",
    "Split",
    "ArrayLike",
    "StreamedArray",
    "LazyIntensities",
    "Values",
    "BINARY",
    "COUNTS",
    "ONE_HOT",
    "OF_KIND",
    "Group",
    "GroupedValues",
    "REAL",
    "UNIT",
    "SIMPLEX",
    "SPHERE",
    "Support",
    "Surface",
    "LogSimplex",
    "Promises",
    "Tag",
    "FilePath",
    "Positive",
    "PositiveFloat",
    "Use",
    "CONTEXT",
    "Context",
    "KINDS",
    "REQUIRED",
    "Parameter",
    "Signature",
    "context_like",
    "Array",
    "Binarize",
    "Distribution",
    "Bijector",
    "LabelDistribution",
    "DType",
    "Factory",
    "Annotation",
    "Table",
    "Rows",
    "Shape",
    "Seed",
    "Tensor",
    "Stream",
    "apart",
    "as_seed",
    "fold_in",
    "split_seed",
    "FINAL_STEP",
    "gradient_step",
    "free_traces",
    "sample_and_log_prob",
    "normal_noise",
    "uniform_noise",
    "mean_of",
    "stopped_log_prob",
    "CustomDistribution",
    "Hierarchy",
    "factors",
    "exact_kl",
    "of_each_latent",
    "rows_at_a_time",
    "block_log_probs",
    "gradients_and_means",
    "without_autograph",
    "Replicas",
    "same_example",
    "whole_batch",
    "whole_batch_mean",
    "named_variables",
    "trainable_names",
    "available_memory",
    "readable",
    "channels_first",
    "full_scale",
]

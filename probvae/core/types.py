"""Types that all modules use, and the letters for shapes.

Shapes are written with the same letters everywhere: S samples, B batch, D latent size, *E the event (data)
shape, K mixture components. A distribution's shape is written [batch], [event]. Log-probabilities are in nats,
per example, summed over the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
DType: TypeAlias = np.dtype[Any]
Annotation: TypeAlias = Any  # `int`, `Annotated[int, Ge(1)]`, `tuple[int, ...] | None`, ...
Factory: TypeAlias = Callable[..., Any]  # a class, or a function that makes an object
Context: TypeAlias = Mapping[str, Callable[[], Any]]  # parameter that the assembler supplies -> how to get it
Table: TypeAlias = dict[str, Any]  # a table of a spec, or a JSON object
Seed: TypeAlias = Any  # an int, or an int32 tensor of shape [2]
Shape: TypeAlias = tuple[int, ...]
Tensor: TypeAlias = Any  # TensorFlow carries no types


class Distribution(Protocol):
    """The part of `tfd.Distribution` that probvae uses everywhere; TFP itself carries no types.

    Shapes are those of a distribution [batch], [event].
    """

    @property
    def batch_shape(self) -> Tensor:
        """[batch], as a `tf.TensorShape`."""

    @property
    def event_shape(self) -> Tensor:
        """[event], as a `tf.TensorShape`."""

    def batch_shape_tensor(self) -> Tensor:
        """[batch], as an int32 tensor, known in a graph too."""

    def event_shape_tensor(self) -> Tensor:
        """[event], as an int32 tensor, known in a graph too."""

    @property
    def dtype(self) -> Tensor:
        """The type of samples."""

    @property
    def reparameterization_type(self) -> Tensor:
        """Whether samples carry gradients to the parameters, a `tfd.ReparameterizationType`."""

    def sample(self, sample_shape: Tensor = (), seed: Seed = None) -> Tensor:
        """Samples [*sample_shape, *batch, *event]."""

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density in nats of values [..., *batch, *event]: [..., *batch]."""

    def experimental_sample_and_log_prob(self, sample_shape: Tensor = (), seed: Seed = None) -> Tensor:
        """Samples and their log-densities, computed together."""

    def mean(self) -> Tensor:
        """[*batch, *event]."""

    def mode(self) -> Tensor:
        """[*batch, *event]."""

    def variance(self) -> Tensor:
        """[*batch, *event]."""

    def stddev(self) -> Tensor:
        """[*batch, *event]."""


class LabelDistribution(Distribution, Protocol):
    """The part of `tfd.Categorical` that probvae uses: a distribution over classes 0 to K - 1."""

    def logits_parameter(self) -> Tensor:
        """[*batch, K], up to a constant the logarithms of the probabilities."""

    def probs_parameter(self) -> Tensor:
        """[*batch, K], the probabilities."""


class Bijector(Protocol):
    """The part of `tfb.Bijector` that probvae uses: an invertible function, x -> y."""

    def forward(self, x: Tensor) -> Tensor:
        """The value y of points x."""

    def inverse(self, y: Tensor) -> Tensor:
        """The point x of values y."""

    def forward_log_det_jacobian(self, x: Tensor, event_ndims: int | None = None) -> Tensor:
        """Log |det dy/dx|, summed over the last `event_ndims` axes."""

    def inverse_log_det_jacobian(self, y: Tensor, event_ndims: int | None = None) -> Tensor:
        """Log |det dx/dy|, summed over the last `event_ndims` axes."""

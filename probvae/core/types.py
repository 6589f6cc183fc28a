"""The types that everything speaks of, and the letters for shapes.

Shapes are written with the same letters everywhere: S samples, B batch, D latent size, *E the event (data)
shape, K mixture components. A distribution's shape is written [batch], [event]. Log-probabilities are in nats,
per example, summed over the event.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Distribution: TypeAlias = Any  # tfd.Distribution; TFP carries no types
Seed: TypeAlias = Any  # an int, or an int32 tensor of shape [2]
Shape: TypeAlias = tuple[int, ...]
Tensor: TypeAlias = Any  # TensorFlow carries no types

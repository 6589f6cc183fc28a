"""Random training examples, for priors that start from them."""

from __future__ import annotations

import random

import numpy as np

from probvae.core import Array, ArrayLike, Shape
from probvae.errors import ConfigError


def random_rows(examples: ArrayLike, count: int) -> Array:
    """The numbers of a random `count` of the examples, each at most once where there are enough: [count].

    Which ones is a function of the seed of Keras, `keras.utils.set_random_seed`, as all initial values are.
    """
    order = np.random.default_rng(random.getrandbits(32)).permutation(len(examples))
    return np.resize(order, count)


def checked_examples(prior: str, what: str, examples: ArrayLike | None, event_shape: Shape, fix: str) -> ArrayLike:
    """The examples.

    Args:
        prior: its name, for errors.
        what: the things that need examples.
        examples: training examples [N, *E].
        event_shape: E, the shape of one example.
        fix: what to do if there are none.

    Raises:
        ConfigError: there are none, or they have another shape.
    """
    if examples is None or len(examples) == 0:
        raise ConfigError(f"{prior} prior: {what} need examples; got none. {fix}", parameter="initial")
    if tuple(np.shape(examples)[1:]) != tuple(event_shape):
        raise ConfigError(
            f"{prior} prior: expected examples of shape [N, {', '.join(map(str, event_shape))}]; got "
            f"{list(np.shape(examples))}.",
            parameter="examples",
        )
    return examples

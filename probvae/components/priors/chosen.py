"""Random training examples, for priors that start from them."""

from __future__ import annotations

import random

import numpy as np

from probvae.core import Array, ArrayLike, Shape
from probvae.errors import ConfigError


def random_rows(examples: int, count: int) -> Array:
    """The row numbers of `count` random examples of `examples`, each at most once where there are enough: [count].

    Which ones is a function of the seed of Keras, `keras.utils.set_random_seed`, as all initial values are.
    """
    return np.resize(_generator().permutation(examples), count)


def random_starts(examples: ArrayLike, count: int) -> Array:
    """A random `count` of the examples, float32 [count, *E]; where there are fewer, with noise of 0.1 on repeats.

    Variables that start equal, and have the same part in a model, get equal gradients and stay equal.
    """
    starts = np.asarray(examples[random_rows(len(examples), count)], np.float32)
    repeats = starts[len(examples) :]
    repeats += _generator().normal(0.0, 0.1, repeats.shape)
    return starts


def _generator() -> np.random.Generator:
    return np.random.default_rng(random.getrandbits(32))


def checked_examples(
    prior: str, what: str, examples: ArrayLike | None, event_shape: Shape, fix: str, parameter: str
) -> ArrayLike:
    """The examples; lists and tensors as arrays.

    Args:
        prior: its name, for errors.
        what: the things that need examples.
        examples: training examples [N, *E].
        event_shape: E, the shape of one example.
        fix: what to do if there are none.
        parameter: the parameter that asks for them.

    Raises:
        ConfigError: there are none, or they have another shape.
    """
    if isinstance(examples, (list, tuple)) or hasattr(examples, "numpy"):  # a tensor has that method
        try:
            examples = np.asarray(examples, np.float32)
        except ValueError:
            raise ConfigError(
                f"{prior} prior: expected an array of examples; got one whose rows differ in shape.",
                parameter="examples",
            ) from None
    if examples is None or len(examples) == 0:
        raise ConfigError(f"{prior} prior: {what} need examples; got none. {fix}", parameter=parameter)
    if tuple(np.shape(examples)[1:]) != tuple(event_shape):
        raise ConfigError(
            f"{prior} prior: expected examples of shape [N, {', '.join(map(str, event_shape))}]; got "
            f"{list(np.shape(examples))}.",
            parameter="examples",
        )
    return examples

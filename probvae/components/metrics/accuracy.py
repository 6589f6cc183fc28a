"""The accuracy of a classifier."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from probvae.core import VAE, Data, Measurement, Metric, Seed, Split, Stream, fold_in
from probvae.errors import UserError

_BATCH = 1000


class Accuracy(Metric):
    """The share of test examples whose label is the most probable class of q(y|x), of those with a label.

    Its standard error is sqrt(a (1 - a) / M), that of a share a of M examples that are independent.
    """

    def __init__(self) -> None:
        pass

    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The number, a function of the seed where examples are binarised as they are read."""
        return {"accuracy": accuracy(vae, [data.test], seed)}


def accuracy(vae: VAE, splits: Iterable[Split], seed: Seed) -> Measurement:
    """The accuracy of a classifier on the examples of some splits that have a label.

    Raises:
        UserError: the model has no classifier, or no example has a label.
    """
    right = [_right(vae, split, fold_in(seed, Stream.USE, number)) for number, split in enumerate(splits)]
    found = np.concatenate([np.zeros(0, bool), *right])
    if not len(found):
        raise UserError("accuracy: expected examples with labels; got none.")
    return Measurement.share(found, "share of the examples with a label")


def _right(vae: VAE, split: Split, seed: Seed) -> np.ndarray:
    """Whether the label of each example with a label is its most probable class: bool [M]."""
    found = []
    for number, start in enumerate(range(0, len(split) if split.labels is not None else 0, _BATCH)):
        batch = split.batch(slice(start, start + _BATCH), fold_in(seed, number))
        most = tf.argmax(vae.labels(batch.x).logits_parameter(), axis=-1)  # [B]
        found.append(np.asarray(most == batch.labels)[np.asarray(batch.labels) != -1])
    return np.concatenate([np.zeros(0, bool), *found])

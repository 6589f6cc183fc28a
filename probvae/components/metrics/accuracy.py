"""The accuracy of a classifier."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from probvae.components.metrics.chunks import chunks
from probvae.components.metrics.labelled import labelled_rows
from probvae.core import VAE, Data, Measurement, Metric, Seed, Split, fold_in
from probvae.errors import ConfigError, UserError


class Accuracy(Metric):
    """The share of test examples whose label is the most probable class of q(y|x), of those with a label.

    Its standard error is sqrt(a (1 - a) / M), that of a share a of M examples that are independent.
    """

    def check(self, vae: VAE, data: Data) -> None:
        """Check that the model has a classifier, and that test examples have labels.

        Raises:
            ConfigError: one of both is missing.
        """
        super().check(vae, data)
        count = len(labelled_rows(data.test))
        if vae.classifier is None or not count:
            found = f"{'a' if vae.classifier else 'no'} classifier and {count:,} test examples with a label"
            raise ConfigError(
                f"accuracy metric: expected a model with a classifier, and test examples with a label; got "
                f"{found}. Leave the metric out; `probe` needs labels alone."
            )

    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The number, a function of the seed where examples are binarised as they are read."""
        return {"accuracy": accuracy(vae, [data.test], seed)}


def accuracy(vae: VAE, splits: Iterable[Split], seed: Seed) -> Measurement:
    """The accuracy of a classifier on the examples of some splits that have a label.

    Raises:
        UserError: the model has no classifier, or no example has a label.
    """
    right = [
        np.asarray(tf.argmax(vae.labels(batch.x).logits_parameter(), axis=-1) == batch.labels)
        for number, split in enumerate(splits)
        for batch, _ in chunks(split, fold_in(seed, number), labelled_rows(split))
    ]
    if not right:
        raise UserError("accuracy: expected examples with labels; got none.")
    return Measurement.share(np.concatenate(right), "share of the examples with a label")

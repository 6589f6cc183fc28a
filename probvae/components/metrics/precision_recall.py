"""Whether samples look like the data, and whether they show all of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from probvae.components.metrics.chunks import CHUNK, chunks, some_of
from probvae.components.metrics.features import Features
from probvae.components.metrics.labelled import check_labels
from probvae.core import VAE, Array, Data, Measurement, Metric, Positive, Seed, Split, Tensor


class PrecisionRecall(Metric):
    """Precision, recall, density and coverage of samples, in the features of a small classifier.

    precision = share of samples within a ball around an example, recall = share of examples within one around a
    sample; a ball around a point reaches to its k-th nearest neighbour among the points of the same kind
    (Kynkäänniemi, Karras, Laine, Lehtinen and Aila, Improved precision and recall metric for assessing generative
    models, 2019). density = 1/k of the mean number of balls around examples that a sample lies in, coverage =
    share of balls around examples that a sample lies in (Naeem, Oh, Uh, Choi and Yoo, Reliable fidelity and
    diversity metrics for generative models, 2020).

    As many samples x ~ p(x|z), z ~ p(z), as examples are compared; of a conditional model, at the conditions of
    the examples; elements that are missing in an example are set to 0 in its sample too. The features are the last
    hidden layer, 64 units, of a classifier that is trained on the labels of the training examples: convolutional
    for images, dense for other data. `feature_accuracy` is its accuracy on the test examples. Its features are not
    those of a large network, so that the numbers compare models of the same data only, and are no FID.

    Args:
        max_examples: how many test examples are compared at most; of more, these are chosen at random.
        k: which neighbour a ball reaches to.
        steps: of the training of the classifier, with 128 examples each.
    """

    def __init__(self, max_examples: Positive = 5_000, k: Positive = 3, steps: Positive = 1_000) -> None:
        self.max_examples = max_examples
        self.k = k
        self.steps = steps

    def check(self, vae: VAE, data: Data) -> None:
        """Check that the data has labels, and test examples besides the training examples.

        Raises:
            ConfigError: it has not.
        """
        super().check(vae, data)
        check_labels("precision_recall", data)

    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The numbers: a function of the seed."""
        features = Features(data.train, self.steps, seed)
        rows = some_of(np.arange(len(data.test)), self.max_examples, seed)
        real = [features(batch.x) for batch, _ in chunks(data.test, seed, rows)]
        made = [features(x) for x in _samples(vae, data.test, seed, rows)]
        return {
            **precision_recall(np.concatenate(real), np.concatenate(made), self.k),
            "feature_accuracy": features.accuracy(data.test, seed),
        }


def precision_recall(real: Array, made: Array, k: int) -> dict[str, Measurement]:
    """Precision, recall, density and coverage of points; see `PrecisionRecall`.

    Args:
        real: the features of examples, float32 [N, F].
        made: the features of samples, float32 [M, F].
        k: which neighbour a ball reaches to; the last one where there are fewer.
    """
    center = real.mean(axis=0)  # distances lose fewer digits there
    real, made = real - center, made - center
    around_real, around_made = _radii(real, k), _radii(made, k)  # [N], [M], squared
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    balls = np.zeros(len(made))
    for few, squares in _squared_distances(real, made):  # [few, M]
        inside = squares <= np.expand_dims(around_real[few], 1)
        recalled[few] = np.any(squares <= around_made, axis=1)
        covered[few] = np.any(inside, axis=1)
        balls += inside.sum(axis=0)
    return {
        "precision": Measurement.share(balls > 0, "share of the samples"),
        "recall": Measurement.share(recalled),
        "density": Measurement.mean(balls / k, "balls that a sample lies in, by k"),
        "coverage": Measurement.share(covered),
    }


def _squared_distances(some: Array, others: Array) -> Iterator[tuple[slice, Array]]:
    """The squared distances of points [N, F] to others [M, F], for some at a time: [few, M]."""
    lengths = np.sum(others**2, axis=1)
    for start in range(0, len(some), CHUNK):
        few = slice(start, start + CHUNK)
        products = some[few] @ others.T
        yield few, np.maximum(np.sum(some[few] ** 2, axis=1, keepdims=True) + lengths - 2.0 * products, 0.0)


def _radii(points: Array, k: int) -> Array:
    """The squared distance of each point to its k-th nearest neighbour, itself not counted: [N]."""
    place = min(k, len(points) - 1)  # that at 0 is the point itself
    return np.concatenate(
        [np.partition(squares, place, axis=1)[:, place] for _, squares in _squared_distances(points, points)]
    )


def _samples(vae: VAE, test: Split, seed: Seed, rows: Array) -> Iterator[Tensor]:
    """A sample for each of some test examples, at its condition, its missing elements 0: [B, *E] at a time."""
    for batch, noise in chunks(test, seed, rows):
        x = tf.cast(vae.sample(len(batch.x), noise, condition=batch.condition), tf.float32)
        yield x if batch.observed is None else tf.where(batch.observed, x, 0.0)

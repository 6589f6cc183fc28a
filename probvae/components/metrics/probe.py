"""Whether the latents separate the classes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.metrics.chunks import chunks, latent_means, some_of
from probvae.components.metrics.labelled import check_labels, labelled_rows
from probvae.core import VAE, Array, Data, Measurement, Metric, Positive, Seed, Split, Tensor


class Probe(Metric):
    """The accuracy on test examples of a linear classifier of latents.

    log p(y|x) = a_y + w_y · E[z|x] + constant

    A multinomial logistic regression (Alain and Bengio, Understanding intermediate layers using linear classifier
    probes, 2016) is fitted to the labels of training examples, with the penalty |w|²/2 on the sum of their
    negative log-probabilities, by L-BFGS in double precision. Latents are standardised; where the posterior has no
    mean, one draw takes its place. Examples without a label are left out, and missing values are 0.

    Args:
        max_examples: how many training examples it is fitted to at most; of more, these are chosen at random.
    """

    def __init__(self, max_examples: Positive = 50_000) -> None:
        self.max_examples = max_examples

    def check(self, vae: VAE, data: Data) -> None:
        """Check that the data has labels, and test examples besides the training examples.

        Raises:
            ConfigError: it has not.
        """
        super().check(vae, data)
        check_labels("probe", data)

    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The number: a function of the seed."""
        fitted_to = some_of(labelled_rows(data.train), self.max_examples, seed)
        z, labels = _latents(vae, data.train, fitted_to, seed)
        center, spread = z.mean(axis=0), z.std(axis=0)
        spread[spread == 0.0] = 1.0
        weights, constants = _regression((z - center) / spread, labels)
        z, expected = _latents(vae, data.test, labelled_rows(data.test), seed)
        found = np.argmax((z - center) / spread @ weights + constants, axis=1)
        most = np.max(np.bincount(expected)) / len(expected)
        note = f"always saying the most frequent class would give {most:.3g}"
        return {"probe": Measurement.share(found == expected, "share of the examples with a label", note)}


def _latents(vae: VAE, split: Split, rows: Array, seed: Seed) -> tuple[Array, Array]:
    """The posterior means of some examples, float64 [N, D], and their labels [N]."""
    assert split.labels is not None
    parts = [latent_means(vae, batch, noise) for batch, noise in chunks(split, seed, rows)]
    return np.concatenate(parts).astype(np.float64), split.labels[rows]


def _regression(z: Array, labels: Array) -> tuple[Array, Array]:
    """The weights [D, K] and the constants [K] of a logistic regression on z [N, D] and labels [N]."""
    size, classes = z.shape[1], int(labels.max()) + 1
    inputs, targets = tf.constant(z), tf.constant(labels, tf.int64)

    @tf.function
    def loss(point: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss at weights and constants in one vector, and its gradient."""

        def value(point: Tensor) -> Tensor:
            matrix = tf.reshape(point, (size + 1, classes))
            logits = inputs @ matrix[:-1] + matrix[-1]
            cross_entropies = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            return tf.reduce_mean(cross_entropies) + tf.nn.l2_loss(matrix[:-1]) / len(z)

        return tfp.math.value_and_gradient(value, point)

    start = tf.zeros((size + 1) * classes, tf.float64)
    found = tfp.optimizer.lbfgs_minimize(loss, start, tolerance=1e-6, max_iterations=1000)
    matrix = found.position.numpy().reshape(size + 1, classes)
    return matrix[:-1], matrix[-1]

"""Whether the latents separate the classes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.metrics.chunks import chunks, latent_means, some_of
from probvae.components.metrics.labelled import as_numbers, check_labels, labelled_rows
from probvae.core import VAE, Array, Data, Measurement, Metric, Positive, Seed, Split, Tensor


class Probe(Metric):
    """The accuracy on test examples of a linear classifier of latents.

    log p(y|x) = a_y + w_y · E[z|x] + constant

    A multinomial logistic regression (Alain and Bengio, Understanding intermediate layers using linear classifier
    probes, 2016) is fitted to the labels of training examples, with the penalty |w|²/2 on the sum of their
    negative log-probabilities, by L-BFGS in double precision. Latents are standardised; where the posterior has no
    mean, one draw takes its place. `most_frequent_class` is the accuracy of always naming one class. Examples
    without a label are left out, and missing values are 0.

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
        classes = np.unique(labels)
        center, spread = z.mean(axis=0), z.std(axis=0)
        spread[spread == 0.0] = 1.0
        weights, constants = _regression((z - center) / spread, as_numbers(classes, labels), len(classes))
        z, expected = _latents(vae, data.test, labelled_rows(data.test), seed)
        found = classes[np.argmax((z - center) / spread @ weights + constants, axis=1)]
        of_test, counts = np.unique(expected, return_counts=True)
        unit = "share of the examples with a label"
        return {
            "probe": Measurement.share(found == expected, unit),
            "most_frequent_class": Measurement.share(expected == of_test[np.argmax(counts)], unit),
        }


def _latents(vae: VAE, split: Split, rows: Array, seed: Seed) -> tuple[Array, Array]:
    """The posterior means of some examples, float64 [N, D], and their labels [N]."""
    assert split.labels is not None
    parts = [latent_means(vae, batch, noise) for batch, noise in chunks(split, seed, rows)]
    return np.concatenate(parts).astype(np.float64), split.labels[rows]


def _regression(z: Array, labels: Array, classes: int) -> tuple[Array, Array]:
    """The weights [D, K] and the constants [K] of a logistic regression on z [N, D] and labels 0 to K - 1 [N]."""
    start = tf.zeros((z.shape[1] + 1, classes), tf.float64)
    found = _fitted(tf.constant(z), tf.constant(labels, tf.int64), start).numpy()
    return found[:-1], found[-1]


@tf.function(
    input_signature=[
        tf.TensorSpec((None, None), tf.float64),
        tf.TensorSpec((None,), tf.int64),
        tf.TensorSpec((None, None), tf.float64),
    ]
)
def _fitted(z: Tensor, labels: Tensor, start: Tensor) -> Tensor:
    """The weights and, in the last row, the constants that minimise the mean loss: [D + 1, K], from a start."""
    count = tf.cast(tf.shape(z)[0], tf.float64)

    def loss(point: Tensor) -> Tensor:
        matrix = tf.reshape(point, tf.shape(start))
        logits = z @ matrix[:-1] + matrix[-1]  # [N, K]
        cross_entropies = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.reduce_mean(cross_entropies) + tf.nn.l2_loss(matrix[:-1]) / count

    def loss_and_gradient(point: Tensor) -> Tensor:
        return tfp.math.value_and_gradient(loss, point)

    found = tfp.optimizer.lbfgs_minimize(
        loss_and_gradient, tf.reshape(start, [-1]), tolerance=1e-5, max_iterations=1000
    )
    return tf.reshape(found.position, tf.shape(start))

"""The accuracy of a classifier, with its standard error."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.components.metrics.accuracy import accuracy
from probvae.core import REAL, VAE, Classifier, Condition, Data, DataInfo, Split
from probvae.errors import UserError

K = 3


class Largest(Classifier):
    """The class of an example is the place of its largest element."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(2.0)

    def labels(self, x):
        return tfp.distributions.Categorical(logits=self.scale * tf.cast(x, tf.float32))


@pytest.fixture(scope="module")
def vae():
    encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), (K,), K)
    decoder = c.NetworkDecoder(c.Dense((4,)), c.Normal((K,)), 2, K)
    return VAE(encoder, decoder, c.StandardNormal(2), Largest())


def split(found, labels):
    return Split(np.eye(K, dtype=np.float32)[found], np.asarray(labels))


def test_it_is_the_share_of_labels_that_are_most_probable_with_its_binomial_error(vae):
    """20 examples: 5 have no label, and of the other 15 the class is right for 12."""
    found = np.arange(20) % K
    labels = found.copy()
    labels[:5], labels[5:8] = -1, (found[5:8] + 1) % K
    test = split(found, labels)
    condition = Condition(("a", "b", "c"), one_hot=True)
    data = Data(DataInfo((K,), REAL, (20, 20, 20), "made up", "here", condition=condition), test, test, test)
    found = c.Accuracy()(vae, data, seed=0)["accuracy"]
    assert (found.value, found.unit) == (pytest.approx(12 / 15), "share of the examples with a label")
    assert found.standard_error == pytest.approx((0.8 * 0.2 / 15) ** 0.5)


def test_several_splits_are_counted_together(vae):
    one, other = split([0, 1], [0, 1]), split(np.zeros(2200, int), np.arange(2200) % 2)
    assert accuracy(vae, [one, other], 0).value == pytest.approx(1102 / 2202)


def test_without_labels_there_is_no_accuracy(vae):
    with pytest.raises(UserError, match="accuracy: expected examples with labels; got none"):
        accuracy(vae, [split([0, 1], [-1, -1]), Split(np.eye(K, dtype=np.float32))], 0)

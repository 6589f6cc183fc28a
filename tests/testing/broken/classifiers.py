"""Wrong classifiers."""

from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.components.networks.dense import Dense
from probvae.core import Classifier, Positive, Shape

tfd = tfp.distributions


class _Classifier(Classifier):
    """A dense network of the logits, before anything is wrong with it."""

    def __init__(self, event_shape: Shape, classes: Positive) -> None:
        super().__init__()
        self.classes = classes
        self.network = Dense((8,), "elu").connect(tuple(event_shape), (classes,))

    def labels(self, x):
        return tfd.Categorical(logits=self.logits(x))

    def logits(self, x):
        """The logits [B, K] of x [B, *E]."""
        return self.network.outputs(x)


class OneHot(_Classifier):
    """It returns one-hot vectors, [B], [K], in the place of the numbers of classes, [B], []."""

    def labels(self, x):
        return tfd.OneHotCategorical(logits=self.logits(x))


class OneClassTooMany(_Classifier):
    """It has one class more than the data, for examples of none."""

    def logits(self, x):
        return tf.pad(super().logits(x), [[0, 0], [0, 1]])


class BatchNormalised(_Classifier):
    """Batch normalisation in training mode makes the class of an example depend on the rest of its batch."""

    def __init__(self, event_shape: Shape, classes: Positive) -> None:
        super().__init__(event_shape, classes)
        self.normalise = keras.layers.BatchNormalization()
        self.normalise.build((None, classes))

    def logits(self, x):
        return self.normalise(super().logits(x), training=True)


class SoftmaxOverTheBatch(_Classifier):
    """The softmax is over the examples of a batch, where it should be over the classes."""

    def logits(self, x):
        return tf.nn.log_softmax(super().logits(x), axis=0)


class ProbabilitiesOfZero(_Classifier):
    """It hands over probabilities; one that is rounded to 0 has a logarithm of minus infinity."""

    def labels(self, x):
        return tfd.Categorical(probs=tf.nn.softmax(self.logits(x)))


class AlwaysDropout(_Classifier):
    """Dropout is always on, so that one example has other probabilities in each call."""

    def __init__(
        self, event_shape: Shape, classes: Positive, rate: Annotated[float, Ge(0.1), Le(0.9)] = 0.5
    ) -> None:
        super().__init__(event_shape, classes)
        self.dropout = keras.layers.Dropout(rate)

    def logits(self, x):
        return super().logits(self.dropout(tf.cast(x, tf.float32), training=True))


class LogitsStopped(_Classifier):
    """The logits are cut from the gradient on one of the two ways that they take."""

    def logits(self, x):
        found = super().logits(x)
        return found + tf.stop_gradient(found)


class LastTwoClassesAlike(_Classifier):
    """The last class has the logit of the one before it."""

    def logits(self, x):
        found = super().logits(x)
        return tf.concat([found[:, :-1], found[:, -2:-1]], axis=-1)


class LastElementDropped(_Classifier):
    """A slice that ends too early leaves the last channel or element out, where there is more than one."""

    def __init__(self, event_shape: Shape, classes: Positive) -> None:
        kept = max(1, event_shape[-1] - 1)
        super().__init__((*event_shape[:-1], kept), classes)
        self.kept = kept

    def logits(self, x):
        return super().logits(x[..., : self.kept])


class ScaleOfTheExamplesNotSaved(_Classifier):
    """Examples are divided by the standard deviation of the training data, kept as a number and not saved."""

    def __init__(self, event_shape: Shape, classes: Positive, examples: Any) -> None:
        super().__init__(event_shape, classes)
        self.scale = float(np.std(examples))

    def logits(self, x):
        return super().logits(x / self.scale)

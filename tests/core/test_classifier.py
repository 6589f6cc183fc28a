"""A model with a classifier: its classes are its condition, and it is one of the parts."""

import copy

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import VAE, Classifier, Condition, ConditionColumn, named_variables
from probvae.errors import ConfigError, ShapeError, UserError

from .tiny_models import D, E, binary_data

K = 3


def classifier(classes=K):
    return c.NetworkClassifier(c.Dense((5,)), E, classes)


def with_classes(part=None, condition_dim=K):
    return VAE(
        c.NetworkEncoder(c.Dense((5,)), c.DiagonalNormal(D), E, condition_dim),
        c.NetworkDecoder(c.Dense((5,)), c.Bernoulli(E), D, condition_dim),
        c.StandardNormal(D),
        part or classifier(),
    )


def test_probabilities_of_classes_are_a_softmax_of_the_network():
    vae, x = with_classes(), binary_data(4)
    logits = np.asarray(vae.classifier.network.outputs(x), np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    q = vae.labels(x.astype(np.uint8))
    assert (tuple(q.batch_shape), tuple(q.event_shape)) == ((4,), ())
    np.testing.assert_allclose(q.probs_parameter(), expected, rtol=1e-5)


def test_the_classifier_is_a_part_with_variables_of_its_own():
    vae, lines = with_classes(), []
    vae.summary(lines.append)
    assert [line.split()[0] for line in lines] == ["part", "encoder", "decoder", "prior", "classifier", "total"]
    names = [name for name in named_variables(vae) if name.startswith("classifier/")]
    assert sorted(name.rpartition("/")[2] for name in names) == ["bias", "bias", "kernel", "kernel"]


def test_a_copy_has_a_classifier_that_shares_no_variable():
    vae, x = with_classes(), binary_data(4)
    before = vae.labels(x).probs_parameter().numpy()
    copied = copy.deepcopy(vae)
    np.testing.assert_array_equal(copied.labels(x).probs_parameter(), before)
    for variable in vae.classifier.variables:
        variable.assign_add(tf.ones(variable.shape))
    np.testing.assert_array_equal(copied.labels(x).probs_parameter(), before)


def test_a_model_without_a_classifier_has_no_labels():
    parts = with_classes().parts
    del parts["classifier"]
    with pytest.raises(UserError, match=r"labels: expected a model with a classifier; got one without\. Give"):
        VAE(**parts).labels(binary_data(1))


class Wrong(Classifier):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def labels(self, x):
        return self.answer(tf.zeros((len(x), K)))


WRONG = {
    "no categorical": lambda logits: tfp.distributions.Bernoulli(logits[:, 0]),
    "one-hot": tfp.distributions.OneHotCategorical,
    "no distribution": lambda logits: logits,
    "one for all": lambda logits: tfp.distributions.Categorical(logits[0]),
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_a_classifier_returns_a_categorical_distribution_for_each_example(answer):
    with pytest.raises(ShapeError, match=r"Wrong: expected q\(y\|x\).*; got"):
        with_classes(Wrong(answer))


def test_the_classes_are_those_of_the_condition():
    with pytest.raises(
        ShapeError, match="condition is one of the 4 classes of NetworkClassifier; got a condition_"
    ):
        with_classes(classifier(4))
    with pytest.raises(ShapeError, match="one of the 3 classes of NetworkClassifier; got none with a condition"):
        with_classes(condition_dim=None)
    with pytest.raises(ConfigError, match="classifier"):
        with_classes(c.StandardNormal(D))


def test_its_classes_are_those_of_labels_and_not_of_another_column():
    vae, names = with_classes(), ("a", "b", "c")
    vae.check_condition(Condition(names, one_hot=True))
    for column in (Condition(names), Condition.of((ConditionColumn("kind", categories=names),))):
        with pytest.raises(ConfigError, match="condition: expected the classes of NetworkClassifier, one-hot vec"):
            vae.check_condition(column)

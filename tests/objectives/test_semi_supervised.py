"""The losses of partly labelled data, against sums over the classes that are written out in NumPy.

p(y) given, p(x|z, y) = N(W z + U_y + b, s² I), p(z) = N(0, I), q(z|x, y) = N(A x + G_y + g, L Lᵀ), q(y|x) any.
"""

import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.core import VAE, Batch
from probvae.errors import ConfigError
from probvae.objectives import ELBO, IWAE, BetaTC, InfoVAE, SemiSupervised

from .linear_gaussian import B, D, E, LinearDecoder, LinearEncoder, S, W, data, some_posterior
from .test_conditional import GaussianDecoder, GaussianEncoder
from .test_coupled import Diagonal

K = 3
U = np.array([[0.5, -1.0, 0.2], [1.2, 0.3, -0.6], [-0.4, 0.7, 1.5]])  # [E, K]
G = np.array([[0.3, -0.2, 0.9], [-0.8, 0.1, 0.4]])  # [D, K]
FREQUENCIES = (1.0, 2.0, 5.0)
LABELS = np.array([-1, 0, 2, -1, 1])
X = data(5)


@pytest.fixture(scope="module")
def vae():
    matrix, shift, lower = some_posterior()
    decoder = GaussianDecoder(K)
    decoder.of_condition = tf.Variable(U, dtype=tf.float32)
    classifier = c.NetworkClassifier(c.Dense((4,), "tanh"), E, K)
    return VAE(GaussianEncoder(K, matrix, G, shift, lower), decoder, c.StandardNormal(D), classifier)


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def classes(vae):
    """q(y|x) of the test's examples, by the weights of the network: [B, K]."""
    hidden, shift, last, bias = (np.asarray(v, np.float64) for v in vae.classifier.trainable_variables)
    return softmax(np.tanh(X @ hidden + shift) @ last + bias)


def negative_elbo():
    """-E_q[log p(x|z, y)] and KL(q(z|x, y) || p(z)) of each example and class, in closed form: [B, K] each."""
    matrix, shift, lower = some_posterior()
    likelihood, kl = np.zeros((5, K)), np.zeros((5, K))
    covariance, spread = lower @ lower.T, np.trace(W @ lower @ lower.T @ W.T)
    for y in range(K):
        mean = X @ matrix.T + G[:, y] + shift
        away = X - mean @ W.T - U[:, y] - B
        likelihood[:, y] = 0.5 * ((away**2).sum(1) + spread) / S**2 + 1.5 * np.log(2 * np.pi * S**2)
        kl[:, y] = 0.5 * (np.trace(covariance) + (mean**2).sum(1) - D - np.linalg.slogdet(covariance)[1])
    return likelihood, kl


def mean_losses(objective, vae, labels, draws=4000):
    """The loss and the terms, averaged over the noise, with the standard error of the loss."""
    x = np.repeat(X, draws, axis=0)
    batch = Batch(x, labels=tf.constant(np.repeat(labels, draws)))
    losses = objective(vae, batch, 3, tf.constant(0))
    values = {"loss": losses.per_example, **losses.terms}
    parts = {name: np.asarray(value, np.float64).reshape(5, draws) for name, value in values.items()}
    error = parts["loss"].std(1) / np.sqrt(draws)
    return {name: part.mean(1) for name, part in parts.items()}, error


@pytest.mark.parametrize("frequencies", [(), FREQUENCIES], ids=["uniform", "given"])
def test_losses_are_the_sums_written_out(vae, frequencies):
    alpha = 2.5
    objective = SemiSupervised(ELBO(kl="exact"), alpha=alpha, class_frequencies=frequencies)
    p = np.array(frequencies or (1, 1, 1)) / sum(frequencies or (1, 1, 1))
    likelihood, kl = negative_elbo()
    q = classes(vae)
    expected = np.zeros(5)
    for i, label in enumerate(LABELS):
        if label == -1:
            for y in range(K):
                expected[i] += q[i, y] * (likelihood[i, y] + kl[i, y] - np.log(p[y]) + np.log(q[i, y]))
        else:
            expected[i] = likelihood[i, label] + kl[i, label] - np.log(p[label]) - alpha * np.log(q[i, label])
    found, error = mean_losses(objective, vae, LABELS)
    assert np.all(np.abs(found["loss"] - expected) < 5 * error + 1e-3)
    assert set(found) == {"loss", *objective.terms}
    missing = LABELS == -1
    np.testing.assert_allclose(found["entropy"], np.where(missing, -(q * np.log(q)).sum(1), 0), atol=1e-4)
    of_label = -np.log(q[np.arange(5), LABELS])
    np.testing.assert_allclose(found["classification"], np.where(missing, 0, of_label), atol=1e-4)
    np.testing.assert_allclose(found["kl"][~missing], kl[np.arange(5), LABELS][~missing], atol=1e-3)


def test_without_noise_the_loss_of_an_example_is_the_sum_of_its_losses_given_each_class(vae):
    """Of the same draws, as an example that has each label in turn: exact, for any loss."""
    x = np.repeat(X, K, axis=0)
    each = Batch(x, tf.tile(tf.eye(K), (5, 1)))
    for loss in (ELBO(kl="monte_carlo", samples=2), IWAE(3)):
        objective = SemiSupervised(loss)
        given = np.asarray(loss(vae, each, 7, tf.constant(0)).per_example, np.float64).reshape(5, K)
        q, missing = classes(vae), tf.constant([-1] * 5, tf.int64)
        found = objective(vae, Batch(X, labels=missing), 7, tf.constant(0)).per_example
        np.testing.assert_allclose(found, (q * (given + np.log(K) + np.log(q))).sum(1), rtol=1e-4)


def test_with_the_exact_posteriors_the_loss_is_the_evidence_of_the_mixture():
    """Without a label it is -log sum_y p(y) p(x|y), and -log p(x, y) with one and alpha = 0."""
    covariance = np.linalg.inv(np.eye(D) + W.T @ W / S**2)
    gain = covariance @ W.T / S**2
    encoder = GaussianEncoder(K, gain, -gain @ U, -gain @ B, np.linalg.cholesky(covariance))
    decoder = GaussianDecoder(K)
    decoder.of_condition = tf.Variable(U, dtype=tf.float32)
    classifier = c.NetworkClassifier(c.Dense(()), E, K)
    vae = VAE(encoder, decoder, c.StandardNormal(D), classifier)
    p = np.array(FREQUENCIES) / sum(FREQUENCIES)
    marginal = W @ W.T + S**2 * np.eye(3)
    log_joint = np.zeros((5, K))
    for y in range(K):
        away = X - U[:, y] - B
        distance = np.einsum("bi,ij,bj->b", away, np.linalg.inv(marginal), away)
        log_joint[:, y] = np.log(p[y]) - 0.5 * (distance + np.linalg.slogdet(marginal)[1] + 3 * np.log(2 * np.pi))
    means = (U + B[:, None]).T  # [K, E]
    precision = np.linalg.inv(marginal)
    kernel, bias = classifier.trainable_variables
    kernel.assign(precision @ means.T)
    bias.assign(np.log(p) - 0.5 * np.einsum("ki,ij,kj->k", means, precision, means))
    objective = SemiSupervised(ELBO(kl="monte_carlo"), alpha=0.0, class_frequencies=FREQUENCIES)
    losses = objective(vae, Batch(X, labels=tf.constant(LABELS)), 0, tf.constant(0)).per_example
    evidence = np.logaddexp.reduce(log_joint, axis=1)
    expected = np.where(LABELS == -1, evidence, log_joint[np.arange(5), LABELS])
    np.testing.assert_allclose(-losses, expected, atol=5e-4)


def test_a_batch_without_labels_has_its_classes_as_conditions(vae):
    objective = SemiSupervised(ELBO())
    one_hot = tf.one_hot(LABELS, K)  # zeros where a label is missing
    labels = objective(vae, Batch(X, labels=tf.constant(LABELS)), 0, tf.constant(0)).per_example
    conditions = objective(vae, Batch(X, one_hot), 0, tf.constant(0)).per_example
    np.testing.assert_allclose(conditions, labels, rtol=1e-5)
    none = objective(vae, Batch(X), 0, tf.constant(0)).terms
    np.testing.assert_array_equal(none["classification"], np.zeros(5))


def test_rows_for_the_classes_of_one_example_are_no_other_examples():
    """Codes that are far from each other, and the same for each class: log N nats, and no two of them near."""
    far = Diagonal(100.0 * np.eye(D, 3), noise=[0.01, 0.01])
    decoder = GaussianDecoder(K)
    decoder.of_condition = tf.Variable(U, dtype=tf.float32)
    vae = VAE(far, decoder, c.StandardNormal(D), c.NetworkClassifier(c.Dense((4,)), E, K))
    batch = Batch(tf.constant(X), labels=tf.constant(LABELS))
    terms = {}
    for loss in (BetaTC(train_size=5_000), InfoVAE(width=0.01)):
        terms |= SemiSupervised(loss)(vae, batch, 3, tf.constant(0)).terms
    np.testing.assert_allclose(terms["mutual_information"], np.log(5_000), rtol=1e-3)
    np.testing.assert_allclose(terms["mmd"], 0.0, atol=1e-3)


def test_free_bits_are_of_the_mean_over_examples_and_their_classes(vae):
    """The side of the floor that a batch is on is that of the mean over all pairs."""
    _, kl = negative_elbo()
    q = classes(vae)
    weights = np.where(LABELS[:, None] == -1, q, np.eye(K)[LABELS])
    mean = (weights * kl).sum(1).mean()
    batch = Batch(X, labels=tf.constant(LABELS))
    losses = [
        SemiSupervised(ELBO(kl="exact", free_bits=bits))(vae, batch, 0, tf.constant(0)).per_example
        for bits in (1e-6, 0.99 * mean, 1.01 * mean)
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    np.testing.assert_allclose(losses[2] - losses[0], 1.01 * mean - (weights * kl).sum(1), atol=1e-3)


WRONG = {
    "no classifier": (
        SemiSupervised(ELBO()),
        lambda vae: VAE(vae.encoder, vae.decoder, vae.prior),
        "SemiSupervised: expected a model with a classifier.*; got one without",
    ),
    "another objective": (
        ELBO(),
        lambda vae: vae,
        "ELBO: expected a model without a classifier.*'semi_super",
    ),
    "the encoder alone": (
        SemiSupervised(ELBO()),
        lambda vae: VAE(vae.encoder, LinearDecoder(), vae.prior, vae.classifier),
        "expected a decoder or a prior that takes the class as its condition; got neither",
    ),
    "another number of frequencies": (
        SemiSupervised(ELBO(), class_frequencies=(1.0, 1.0)),
        lambda vae: vae,
        "expected class_frequencies of 3 classes; got 2",
    ),
}


@pytest.mark.parametrize(("objective", "change", "message"), WRONG.values(), ids=WRONG)
def test_a_model_that_it_cannot_train_is_refused_in_words(objective, change, message, vae):
    with pytest.raises(ConfigError, match=message):
        objective.check(change(vae))


def test_without_a_missing_label_and_with_alpha_zero_the_classifier_is_frozen():
    encoder = c.NetworkEncoder(c.Dense(()), c.DiagonalNormal(2), (4,), 3)
    decoder = c.NetworkDecoder(c.Dense(()), c.Normal((4,)), 2, 3)
    made = VAE(encoder, decoder, c.StandardNormal(2), c.NetworkClassifier(c.Dense(()), (4,), 3))
    objective = SemiSupervised(ELBO(), alpha=0.0)
    objective.check_training(made)
    SemiSupervised(ELBO()).check_training(made, labelled=True)
    with pytest.raises(ConfigError, match=r"classifier is not trained, as no label is missing, and alpha = 0"):
        objective.check_training(made, labelled=True)
    made.classifier.trainable = False
    objective.check_training(made, labelled=True)


def test_the_loss_is_one_of_x_given_its_class():
    with pytest.raises(
        ConfigError, match="expected the loss of x given its class, such as elbo; got SemiSupervised"
    ):
        SemiSupervised(SemiSupervised(ELBO()))


def test_a_model_whose_encoder_takes_no_class_is_trained_too(vae):
    """q(z|x) for q(z|x, y): a bound all the same."""
    plain = VAE(LinearEncoder(*some_posterior()), vae.decoder, vae.prior, vae.classifier)
    objective = SemiSupervised(ELBO())
    objective.check(plain)
    losses = objective(plain, Batch(X, labels=tf.constant(LABELS)), 0, tf.constant(0))
    assert np.all(np.isfinite(losses.per_example))


def test_the_classes_of_other_examples_in_the_aggregate_posterior_carry_gradients(vae):
    """The gradient to q(y|x), against differences of the loss with the same noise: q(z) has it as weights."""
    encoder = c.NetworkEncoder(c.Dense((4,), "tanh"), c.DiagonalNormal(D), E, K)
    model = VAE(encoder, vae.decoder, vae.prior, vae.classifier)
    for variable in encoder.trainable_variables:  # q(z|x, y) depends much on y
        variable.assign(1.5 * np.random.default_rng(5).normal(size=variable.shape))
    objective = SemiSupervised(BetaTC(50, beta=30.0))
    bias = model.classifier.trainable_variables[-1].value

    def mean_loss():
        losses = objective(model, Batch(X, labels=LABELS), 3, tf.constant(0))
        return tf.reduce_mean(losses.per_example)

    with tf.GradientTape() as tape:
        loss = mean_loss()
    found, start, expected = tape.gradient(loss, bias), bias.numpy(), []
    for place in np.eye(K, dtype=np.float32):
        ends = []
        for step in (1e-2, -1e-2):
            bias.assign(start + step * place)
            ends.append(float(mean_loss()))
        expected.append((ends[0] - ends[1]) / 2e-2)
    bias.assign(start)
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.01)

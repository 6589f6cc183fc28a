"""The objective for partly labelled data, in which the class is a latent where its label is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import tensorflow as tf
from annotated_types import Ge

from probvae.core import (
    VAE,
    Array,
    Batch,
    Exact,
    Losses,
    Objective,
    PositiveFloat,
    Promises,
    Replicas,
    Seed,
    Tensor,
    Use,
)
from probvae.errors import ConfigError

OWN_TERMS = ("class_prior", "classification", "entropy")


class SemiSupervised(Objective):
    """The loss of data of which some labels are missing, for a model of x given its class y with a classifier.

    With a label: L(x, y) - alpha log q(y|x). Without: sum_y q(y|x) L(x, y) - H[q(y|x)]. In nats per example.

    L(x, y) is the loss of x given y minus log p(y); where that is the negative evidence lower bound, these are the
    losses of the model M2 of Kingma, Mohamed, Rezende and Welling, Semi-supervised learning with deep generative
    models (2014). The sum is over all K classes, so that a step computes the loss K times. The alpha of the paper
    weights the mean over the labelled examples: 0.1 N there is 0.1 N / (number of labels) here.

    The terms are those of the loss, class_prior = -log p(y), both averaged over q(y|x) where the label is missing;
    classification = -log q(y|x) with a label and entropy = H[q(y|x)] without one, and 0 otherwise.

    Args:
        loss: the loss of x given y, an objective.
        alpha: the weight of the classification of examples with a label.
        class_frequencies: how frequent each class is, in any unit, as counts; p(y) is proportional to it. If
            empty, all classes are equally probable.

    Raises:
        ConfigError: the loss is not one of x given y.
    """

    classifier = True
    promises: ClassVar[Promises] = Promises(cases=({"class_frequencies": (1.0, 2.0, 4.0)},))

    def __init__(
        self,
        loss: Annotated[Objective, Use("elbo")],
        alpha: Annotated[float, Ge(0)] = 1.0,
        class_frequencies: tuple[PositiveFloat, ...] = (),
    ) -> None:
        if loss.classifier or set(loss.terms) & set(OWN_TERMS):
            raise ConfigError(
                f"semi_supervised objective: expected the loss of x given its class, such as elbo; got "
                f"{type(loss).__name__}. Set loss to another objective.",
                parameter="loss",
            )
        self.loss = loss
        self.alpha = alpha
        self.class_frequencies = class_frequencies
        self.terms = (*loss.terms, *OWN_TERMS)
        self.posterior = loss.posterior
        self.couples_rows = loss.couples_rows
        self.warmup_steps = loss.warmup_steps
        if not class_frequencies:
            self.bound = "upper" if loss.bound and alpha else loss.bound

    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a step: [B], and its terms, each [B]."""
        log_q = tf.nn.log_softmax(vae.labels(batch.x).logits_parameter())  # [B, K]
        q = tf.exp(log_q)
        label = _labels(batch, log_q)  # [B, K]
        missing = 1.0 - tf.reduce_sum(label, axis=-1)  # [B]
        weights = label + missing[:, None] * q  # [B, K]: of the classes in each mean
        given = self._given_each_class(vae, batch, weights, seed, step)

        def averaged(values: Tensor) -> Tensor:
            return tf.reduce_sum(weights * values, axis=-1)  # [B]

        class_prior = averaged(-tf.constant(self._log_prior(vae.condition_dim), tf.float32))
        classification = -tf.reduce_sum(label * log_q, axis=-1)
        entropy = -missing * tf.reduce_sum(q * log_q, axis=-1)
        loss = averaged(given.per_example) + class_prior + self.alpha * classification - entropy
        own = dict(zip(OWN_TERMS, (class_prior, classification, entropy), strict=True))
        return Losses(loss, {name: averaged(term) for name, term in given.terms.items()} | own)

    def _given_each_class(self, vae: VAE, batch: Batch, weights: Tensor, seed: Seed, step: Tensor) -> Losses:
        """The loss of each example given each class, and its terms: [B, K].

        The classes of an example follow one another, so that its noise is the same on any number of replicas.
        """
        size, classes = tf.shape(weights)[0], vae.condition_dim
        shares = batch.weights
        if shares is None:
            shares = tf.fill([size], 1.0 / tf.cast(size * Replicas.here().count, tf.float32))
        x, observed, rows = (
            None if values is None else tf.repeat(values, classes, axis=0)
            for values in (batch.x, batch.observed, batch.rows)
        )
        each = Batch(
            x,
            condition=tf.tile(tf.eye(classes), (size, 1)),
            labels=tf.tile(tf.range(classes, dtype=tf.int64), (size,)),
            observed=observed,
            rows=rows,
            example=tf.repeat(Replicas.here().number * size + tf.range(size), classes),
            weights=tf.reshape(weights * shares[:, None], (-1,)),
        )
        losses = self.loss(vae, each, seed, step)  # [B K]
        by_class = tf.nest.map_structure(lambda values: tf.reshape(values, (-1, classes)), losses._asdict())
        return Losses(**by_class)

    def _log_prior(self, classes: int) -> Array:
        """Log p(y) of each class: [K]."""
        frequencies = np.array(self.class_frequencies or [1.0] * classes)
        return np.asarray(np.log(frequencies / frequencies.sum()))

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """As in the class's docstring."""
        q, labels = exact.class_probabilities, exact.labels  # [B, K], [B]
        classes = q.shape[1]
        missing = labels == -1
        weights = np.where(missing[:, None], q, np.eye(classes)[labels])
        given = [dict(self.loss.expected(exact.given(label), step)) for label in range(classes)]
        found = {name: sum(weights[:, k] * given[k][name] for k in range(classes)) for name in given[0]}
        own = {
            "class_prior": -weights @ self._log_prior(classes),
            "classification": np.where(missing, 0.0, -np.log((weights * q).sum(-1))),
            "entropy": np.where(missing, -(q * np.log(q)).sum(-1), 0.0),
        }
        if self.loss.couples_rows:  # across classes too, which given one class it is not
            found.pop("loss", None)
        if "loss" in found:
            found["loss"] += own["class_prior"] + self.alpha * own["classification"] - own["entropy"]
        return found | own

    def targets(self) -> Mapping[str, Objective]:
        """Those of the loss, given the class."""
        targets = self.loss.targets().items()
        return {part: SemiSupervised(target, self.alpha, self.class_frequencies) for part, target in targets}

    def check(self, vae: VAE) -> None:
        """Check that the objective can be used with a model.

        Raises:
            ConfigError: p(x) does not depend on the class, there are other classes, or the loss cannot be used.
        """
        super().check(vae)
        if not (vae.decoder.condition_dim or vae.prior.condition_dim):
            raise ConfigError(
                "semi_supervised objective: expected a decoder or a prior that takes the class as its condition; "
                "got neither, and p(x) would be the same for all classes. Set condition = true in "
                "[model.decoder], or use the prior 'conditional'."
            )
        if self.class_frequencies and len(self.class_frequencies) != vae.condition_dim:
            raise ConfigError(
                f"semi_supervised objective: expected class_frequencies of {vae.condition_dim} classes; got "
                f"{len(self.class_frequencies)}.",
                parameter="class_frequencies",
            )
        self.loss.check(_given_class(vae))

    def untrained(self, labelled: bool) -> Mapping[str, str]:
        """Those of the loss; and the classifier, if no label is missing and none counts for it."""
        found = dict(self.loss.untrained(labelled))
        if labelled and not self.alpha:
            found["classifier"] = "no label is missing, and alpha = 0 leaves their classification out of the loss"
        return found

    def describe(self, vae: VAE) -> dict[str, str]:
        """What the loss leaves open."""
        return self.loss.describe(_given_class(vae))


def _given_class(vae: VAE) -> VAE:
    """The model of x given its class, without the classifier."""
    return VAE(vae.encoder, vae.decoder, vae.prior)


def _labels(batch: Batch, like: Tensor) -> Tensor:
    """The one-hot vectors of labels, of zeros where a label is missing: [B, K].

    A batch without labels, as `fit` makes it, has its classes as conditions.
    """
    if batch.labels is not None:
        return tf.one_hot(batch.labels, like.shape[-1])
    return tf.zeros_like(like) if batch.condition is None else batch.condition

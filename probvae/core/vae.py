"""VAE: an encoder, a decoder, a prior and possibly a classifier, and what can be computed from these alone."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Self

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core.batch import Batch
from probvae.core.blocks import blocks, joined
from probvae.core.checked import Checked
from probvae.core.component import Component, check_losses
from probvae.core.condition import Condition, as_condition
from probvae.core.distributions import factors
from probvae.core.draws import mean_of, sample_and_log_prob
from probvae.core.examples import as_examples, as_latents, as_numbers, as_observed, check_shape
from probvae.core.hierarchy import Hierarchy
from probvae.core.keras_model import KerasModel
from probvae.core.parts import Classifier, Decoder, Encoder, Prior
from probvae.core.seeds import as_seed, fold_in
from probvae.core.traces import free_traces
from probvae.core.types import Distribution, LabelDistribution, Seed, Shape, Tensor
from probvae.core.values import REAL, DataValues
from probvae.core.variables import named_variables
from probvae.errors import ConfigError, ShapeError, UserError


class VAE(Checked, KerasModel):
    """A variational autoencoder (Kingma and Welling, Auto-encoding variational Bayes, 2014).

    p(x, z) = p(z) p(x|z), with q(z|x) as the approximate posterior. The loss is an objective, which the trainer
    takes, or `compile` for use with `fit`.

    A model one of whose parts takes a condition c is a model of x given c (Sohn, Lee and Yan, Learning structured
    output representation using deep conditional generative models, 2015): p(x, z|c) = p(z|c) p(x|z, c) with
    q(z|x, c). Each part takes c or not; all methods then need `condition`, [B, C], or [C] for all of the examples.

    With a classifier the condition is the one-hot vector of a class y, which is a second latent where a label is
    missing: q(y, z|x) = q(y|x) q(z|x, y) (Kingma, Mohamed, Rezende and Welling, Semi-supervised learning with deep
    generative models, 2014).

    Args:
        encoder: q(z|x).
        decoder: p(x|z).
        prior: p(z).
        classifier: q(y|x), of classes that are the condition; None for a model without one.

    Attributes:
        latent_dim: D.
        event_shape: E.
        condition_dim: C, the size of a condition; 0 if no part takes one.
        blocks: the name of each block of latents and its size, in the order of the vector [D]: {"z2": 8, "z1": 32}
            where the prior or the posterior is a `Hierarchy`, and {"z": D} where neither is.

    Raises:
        ConfigError: a part is of another kind, or a layer in it adds a loss of its own.
        ShapeError: the shapes of the parts do not match, or their conditions differ in size. They are called once,
            on two examples of zeros, which also creates all variables.
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, prior: Prior, classifier: Classifier | None = None
    ) -> None:
        free_traces()  # those of earlier models
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior
        self.classifier = classifier
        self.condition_dim = _condition_dim(encoder, decoder, prior)
        self.takes_rows = prior.takes_rows
        self.latent_dim, self.event_shape, self.blocks = self._fit_together()
        if encoder.support not in prior.support:
            raise ShapeError(
                f"Expected a posterior and a prior of one support, as there is no KL otherwise; got "
                f"{type(encoder).__name__} on {encoder.support} and {type(prior).__name__} on {prior.support}. "
                "Replace one of them."
            )
        for layer in list(self._flatten_layers()):
            if isinstance(layer, Component):
                layer.adopt_again()
        for name, part in self.parts.items():
            check_losses(part, name)
        self.built = True

    @property
    def parts(self) -> dict[str, Component]:
        """The parts by name, without a classifier if there is none."""
        parts = {"encoder": self.encoder, "decoder": self.decoder, "prior": self.prior}
        return parts | ({} if self.classifier is None else {"classifier": self.classifier})

    @property
    def support(self) -> DataValues:
        """The values that an example can take: those that have probability under the decoder."""
        return self.decoder.support

    def check_condition(self, condition: Condition | None) -> None:
        """Compare the condition of a dataset with what the parts take.

        Raises:
            ConfigError: one of the two has none, or they differ in size.
        """
        size = condition.size if condition else 0
        if size and not self.condition_dim:
            raise ConfigError(
                f"condition: expected a part of the model that takes the data's condition, {condition}; got none. "
                "Let the encoder, the decoder (condition = true) or the prior (use = 'conditional') take it, or "
                "set [data] condition = 'none'.",
                parameter="condition",
            )
        if size != self.condition_dim:
            raise ConfigError(
                f"condition: expected data with a condition of {self.condition_dim} columns, as the model takes; "
                f"got {condition or 'data without one'}. Set [data] condition = 'labels', or give the data "
                "conditions of this size.",
                parameter="condition",
            )
        if self.classifier is not None and condition and (condition.table or not condition.one_hot):
            found = f"the column {condition.table[0].name!r}, " if condition.one_hot else ""
            raise ConfigError(
                f"condition: expected the classes of {type(self.classifier).__name__}, one-hot vectors of labels; "
                f"got {found}{condition}. Set [data] condition = 'labels', and label to the column of classes.",
                parameter="condition",
            )

    def zeros(self, count: int) -> Batch:
        """Examples of zeros [count, *E], with conditions of zeros [count, C] if the model takes them."""
        condition = tf.zeros((count, self.condition_dim)) if self.condition_dim else None
        return Batch(tf.zeros((count, *self.event_shape)), condition)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A model of copies of the parts, not compiled.

        Raises:
            UserError: a part keeps variables in a function, which is not copied.
        """
        parts = {name: copy.deepcopy(part, memo) for name, part in self.parts.items()}
        with tf.GradientTape() as tape:
            copied = type(self)(**parts)  # runs all parts once
        used = {id(variable) for variable in tape.watched_variables()}
        if shared := [name for name, variable in named_variables(self).items() if id(variable.value) in used]:
            raise UserError(
                f"{type(self).__name__} cannot be copied: a copy would share {', '.join(shared)}, which a "
                "function (a closure or a bound method) holds. Keep it in an attribute of the component instead, "
                "or build the model again and copy the weights with set_weights."
            )
        return copied

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
        """Print the parts, what each returns, and their numbers of parameters.

        Args:
            print_fn: prints a line.
        """
        event, D = ", ".join(map(str, self.event_shape)), self.latent_dim
        returns = {
            "encoder": f"q(z|x, c): [B], [{D}]" if self.encoder.condition_dim else f"q(z|x): [B], [{D}]",
            "decoder": f"p(x|z, c): [...], [{event}]"
            if self.decoder.condition_dim
            else f"p(x|z): [...], [{event}]",
            "prior": f"p(z|c): [B], [{D}]" if self.prior.condition_dim else f"p(z): [], [{D}]",
            "classifier": "q(y|x): [B], []",
        }
        rows = [["part", "class", "returns batch, event", "parameters", "trainable"]]
        for name, part in self.parts.items():
            rows.append([name, type(part).__name__, returns[name], *_counts(part)])
        rows.append(["total", "", "", *_counts(self)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [f"{cell:<{width}}" for cell, width in zip(row[:3], widths[:3], strict=True)]
            cells += [f"{cell:>{width}}" for cell, width in zip(row[3:], widths[3:], strict=True)]
            print_fn("  ".join(cells).rstrip())

    def posterior(self, x: Tensor, condition: Tensor = None) -> Distribution:
        """q(z|x) or q(z|x, c) of x [B, *E], of any real dtype: [B], [D].

        Raises:
            ShapeError: x or the condition has another shape.
            UserError: an element of them is not finite, or the condition is missing.
        """
        x = as_examples(x, self.event_shape)
        return self._posterior(x, self._checked_condition(condition, x.shape[:1]))

    def labels(self, x: Tensor) -> LabelDistribution:
        """q(y|x) of x [B, *E], of any real dtype, by the classifier: [B], [].

        Raises:
            ShapeError: x has another shape.
            UserError: an element of x is not finite, or the model has no classifier.
        """
        if self.classifier is None:
            raise UserError(
                "labels: expected a model with a classifier; got one without. Give VAE(...) a classifier, or "
                "write a table [model.classifier]."
            )
        return self.classifier.labels(as_examples(x, self.event_shape))

    def with_condition(self, batch: Batch) -> Batch:
        """A batch with the condition of each example: where a label is missing, its most probable class by q(y|x).

        That of a model without a classifier, or of data whose labels are complete, is the batch itself.
        """
        if batch.condition is not None or self.classifier is None:
            return batch
        label = tf.argmax(self.labels(batch.x).logits_parameter(), axis=-1)  # [B]
        if batch.labels is not None:
            label = tf.where(batch.labels == -1, label, batch.labels)
        return batch._replace(condition=tf.one_hot(label, self.condition_dim))

    def prior_given(self, condition: Tensor = None, rows: Tensor = None) -> Distribution:
        """p(z), [], [D]; or p(z|c), [B], [D], if the prior takes the condition.

        Args:
            condition: [B, C].
            rows: the numbers of training examples, [B], for a prior that leaves each of them out; it is then [B],
                [D] too. Others ignore it.

        Raises:
            ShapeError: the condition has another shape.
            UserError: it is not finite, or missing.
        """
        return self._prior(self._checked_condition(condition), rows)

    def likelihood(self, z: Tensor, condition: Tensor = None) -> Distribution:
        """p(x|z) or p(x|z, c) of z [..., D] and a condition that broadcasts to [..., C]: [...], [*E].

        Raises:
            ShapeError: z or the condition has another shape.
            UserError: the condition is not finite, or missing.
        """
        z = as_latents(z, self.latent_dim)
        return self._likelihood(z, self._checked_condition(condition, z.shape[:-1]))

    def log_likelihood(self, x: Tensor, z: Tensor, condition: Tensor = None, observed: Tensor = None) -> Tensor:
        """Log p(x|z) or log p(x|z, c) of x [B, *E] and z [..., B, D]: [..., B], in nats.

        Args:
            x: [B, *E].
            z: [..., B, D].
            condition: [B, C].
            observed: which elements of x are known, bool [B, *E]: the others are left out, as if they were
                integrated over (Nazábal et al., Handling incomplete heterogeneous data using VAEs, 2020).

        Raises:
            ShapeError: an argument has another shape.
            UserError: an element of x is not finite; the condition is missing; or elements are not observed, and
                p(x|z) is no product over them.
        """
        x, observed = self._checked_examples(x, observed)
        z = as_latents(z, self.latent_dim, x.shape[0])
        return self._log_likelihood(x, z, self._checked_condition(condition, x.shape[:1]), observed)

    def log_joint(
        self, x: Tensor, z: Tensor, condition: Tensor = None, observed: Tensor = None, rows: Tensor = None
    ) -> Tensor:
        """Log p(x, z) or log p(x, z|c) of x [B, *E] and z [..., B, D]: [..., B], in nats.

        See `log_likelihood` for the arguments, and `prior_given` for `rows`.

        Raises:
            ShapeError: an argument has another shape.
            UserError: as `log_likelihood`, or an element of x is outside of the support of the likelihood.
        """
        x, observed = self._checked_examples(x, observed, self.support)
        z = as_latents(z, self.latent_dim, x.shape[0])
        return self._log_joint(x, z, self._checked_condition(condition, x.shape[:1]), observed, rows)

    def log_weights(
        self,
        x: Tensor,
        samples: int,
        seed: Seed,
        condition: Tensor = None,
        observed: Tensor = None,
        rows: Tensor = None,
    ) -> Tensor:
        """The log importance weights log p(x, z) - log q(z|x) at z ~ q(z|x), given the condition, in nats.

        Their mean is the evidence lower bound; the log of the mean of their exponentials is the
        importance-weighted one (Burda, Grosse, Salakhutdinov, Importance weighted autoencoders, 2016).

        Args:
            x: [B, *E].
            samples: S.
            seed: an int, or a stateless seed of shape [2].
            condition: [B, C], for a conditional model.
            observed: which elements of x are known, as in `log_likelihood`.
            rows: the numbers of training examples, as in `prior_given`.

        Returns:
            [S, B].

        Raises:
            ShapeError: an argument has another shape.
            UserError: as `log_joint`.
        """
        _check_count(samples)
        x, observed = self._checked_examples(x, observed, self.support)
        c = self._checked_condition(condition, x.shape[:1])
        encoded = x if observed is None else tf.where(observed, x, 0.0)  # as in a `Batch`
        z, log_q = sample_and_log_prob(self._posterior(encoded, c), samples, seed)  # [S, B, D], [S, B]
        size = math.prod(self.event_shape)
        log_joint = [self._log_joint_in_blocks(x, z[few], c, observed, rows, size) for few in blocks(z, size)]
        return joined(log_joint) - log_q

    def sample(self, samples: int, seed: Seed = 0, mean: bool = False, condition: Tensor = None) -> Tensor:
        """Samples x ~ p(x|z) at z ~ p(z), or the mean of p(x|z) there: [S, *E]. A function of the seed.

        Args:
            samples: S.
            seed: an int, or a stateless seed of shape [2].
            mean: return the means.
            condition: [S, C], or [C] for all samples, for a conditional model.

        Raises:
            ShapeError: the condition has another shape.
            UserError: the condition is missing; or mean=True, and p(x|z) has no mean.
        """
        _check_count(samples)
        c = self._checked_condition(condition, (samples,))
        z = self.sample_latents(samples, fold_in(seed, 0), c)
        likelihood = self._likelihood(z, c)  # [S], [*E]
        if not mean:
            return likelihood.sample(seed=fold_in(seed, 1))
        means = mean_of(likelihood)
        if means is None:
            name = type(self.decoder).__name__
            raise UserError(f"sample: expected p(x|z) with a mean; that of {name} has none. Leave out mean=True.")
        return means

    def sample_latents(self, samples: int, seed: Seed, condition: Tensor = None) -> Tensor:
        """Latents z ~ p(z), or p(z|c) with a condition [S, C], or [C] for all: [S, D]."""
        prior, seed = self._prior(self._checked_condition(condition, (samples,))), as_seed(seed)
        return prior.sample(seed=seed) if prior.batch_shape.rank else prior.sample(samples, seed=seed)

    def reconstruct(self, x: Tensor, seed: Seed = 0, condition: Tensor = None) -> Tensor:
        """The mean of p(x|z) at one z ~ q(z|x), or a sample if it has no mean: [B, *E]. A function of the seed.

        Raises:
            ShapeError: x or the condition has another shape.
            UserError: an element of them is not finite, or the condition is missing.
        """
        z = self.posterior(x, condition).sample(seed=as_seed(seed))  # [B, D]
        likelihood = self.likelihood(z, condition)  # [B], [*E]
        means = mean_of(likelihood)
        return likelihood.sample(seed=fold_in(seed, 1)) if means is None else means

    def call(self, x: Tensor) -> Tensor:
        """The reconstruction of x [B, *E] with a fixed seed, for `predict`."""
        return self.reconstruct(x, seed=0)

    def _checked_condition(self, condition: Tensor, leading: Sequence[Tensor | int | None] = ()) -> Tensor:
        return as_condition(condition, self.condition_dim, leading)

    def _checked_examples(
        self, x: Tensor, observed: Tensor, support: DataValues = REAL
    ) -> tuple[Tensor, Tensor | None]:
        """Examples for the likelihood, and which of their elements are known.

        What is not known may have any value, and becomes one of the likelihood's support.
        """
        if observed is not None:
            x = as_numbers(x)
            check_shape(x.shape, self.event_shape)
            observed = as_observed(observed, x)
            x = tf.where(observed, tf.cast(x, tf.float32), self.support.some)
        return as_examples(x, self.event_shape, support), observed

    # The same of arguments that are checked already; each part gets the condition only if it takes one.

    def _posterior(self, x: Tensor, condition: Tensor) -> Distribution:
        return self.encoder.posterior(x, *([condition] if self.encoder.condition_dim else ()))

    def _prior(self, condition: Tensor, rows: Tensor = None) -> Distribution:
        return self.prior.given(condition, rows)

    def _likelihood(self, z: Tensor, condition: Tensor) -> Distribution:
        seen = self.prior.support.seen(z)
        return self.decoder.likelihood(seen, *([condition] if self.decoder.condition_dim else ()))

    def _log_likelihood(self, x: Tensor, z: Tensor, condition: Tensor, observed: Tensor) -> Tensor:
        likelihood = self._likelihood(z, condition)  # [..., B], [*E]
        if observed is None:
            return likelihood.log_prob(x)
        elements = factors(likelihood)  # [..., B, *E], []
        if elements is None:
            raise UserError(
                f"observed: expected a likelihood that is a product over the elements, a tfd.Independent, as some "
                f"are missing; got {type(likelihood).__name__} from {type(self.decoder).__name__}. Use another "
                "likelihood, or fill in the missing values."
            )
        each = tf.where(observed, elements.log_prob(x), 0.0)  # [..., B, *E]
        return tf.reduce_sum(each, axis=[*range(-len(self.event_shape), 0)])

    def _log_joint(self, x: Tensor, z: Tensor, condition: Tensor, observed: Tensor, rows: Tensor) -> Tensor:
        return self._log_likelihood(x, z, condition, observed) + self._prior(condition, rows).log_prob(z)

    def _log_joint_in_blocks(
        self, x: Tensor, z: Tensor, condition: Tensor, observed: Tensor, rows: Tensor, size: int
    ) -> Tensor:
        """`_log_joint` of x [B, *E] and z [S, B, D] for some of the B at a time: [S, B]."""
        given = (condition, observed, rows)
        return joined(
            [
                self._log_joint(x[few], z[:, few], *(None if each is None else each[few] for each in given))
                for few in blocks(x, size * (z.shape[0] or 1))
            ],
            axis=1,
        )

    def _fit_together(self) -> tuple[int, Shape, dict[str, int]]:
        """Call all parts once on two examples; returns D, E and the blocks of latents."""
        prior_name, decoder_name, encoder_name = (
            type(part).__name__ for part in (self.prior, self.decoder, self.encoder)
        )
        c = tf.zeros((2, self.condition_dim))
        batch, given = ((2,), " for c [2, C]") if self.prior.condition_dim else ((), "")
        p_z = self._prior(c)
        (latent_dim,) = _expect(prior_name, f"p(z){given}", p_z, batch, "[D]", 1)
        z = tf.stop_gradient(p_z.sample(() if batch else 2, seed=as_seed(0)))  # [2, D]
        with _called(f"{decoder_name} to decode the {latent_dim} latents of {prior_name}", "latent_dim"):
            p_x = self._likelihood(z, c)
        event_shape = _expect(decoder_name, "p(x|z) for z [2, D]", p_x, (2,), "[*E]", None)
        with _called(
            f"{encoder_name} to encode examples {[*event_shape]}, as {decoder_name} decodes", "event_shape"
        ):
            q = self._posterior(tf.zeros((2, *event_shape)), c)
        (found,) = _expect(encoder_name, f"q(z|x) for x {[2, *event_shape]}", q, (2,), "[D]", 1)
        if found != latent_dim:
            raise ShapeError(
                f"Expected a prior and a posterior of one latent_dim; got {latent_dim} from {prior_name} and "
                f"{found} from {encoder_name}. Give both the same."
            )
        if self.classifier is not None:
            self._check_classes(self.classifier.labels(tf.zeros((2, *event_shape))))
        return latent_dim, event_shape, _blocks({prior_name: p_z, encoder_name: q}, latent_dim)

    def _check_classes(self, q: LabelDistribution) -> None:
        """Compare the classes of q(y|x) of two examples with the condition.

        Raises:
            ShapeError: they are not the same, or q is no categorical distribution.
        """
        name = type(self.classifier).__name__
        _expect(name, "q(y|x) for x [2, *E]", q, (2,), "[]", 0)
        if not isinstance(q, tfp.distributions.Categorical):
            raise ShapeError(f"{name}: expected q(y|x), a tfd.Categorical; got {type(q).__name__}.")
        classes = q.logits_parameter().shape[-1]
        if classes != self.condition_dim:
            found = f"a condition_dim of {self.condition_dim}" if self.condition_dim else "none with a condition"
            raise ShapeError(
                f"Expected parts whose condition is one of the {classes} classes of {name}; got {found}. "
                "Build the encoder, the decoder or the prior with condition_dim, the number of classes."
            )


@contextmanager
def _called(expected: str, size: str) -> Iterator[None]:
    """Say in an error on shapes which two parts do not match.

    Args:
        expected: what one part does with the values of the other.
        size: the argument that both have.
    """
    try:
        yield
    except ShapeError as error:
        raise ShapeError(f"Expected {expected}; got: {error} Give both the same {size}.") from error


def _check_count(samples: object) -> None:
    """Check a number of samples, where it is known (not a tensor)."""
    if not tf.is_tensor(samples) and not (isinstance(samples, Integral) and 1 <= int(samples) < 2**31):
        raise UserError(f"samples: expected an integer from 1 to 2,147,483,647; got {samples!r}.")


def _counts(layer: keras.layers.Layer) -> list[str]:
    """The number of elements in a layer's variables, and in the trainable ones."""
    return [
        f"{sum(math.prod(variable.shape) for variable in variables):,}"
        for variables in (layer.variables, layer.trainable_variables)
    ]


def _condition_dim(*parts: Encoder | Decoder | Prior) -> int:
    """C, of the parts that take a condition; 0 if none does."""
    sizes = {type(part).__name__: part.condition_dim for part in parts if part.condition_dim}
    if len(set(sizes.values())) > 1:
        got = ", ".join(f"{size} from {name}" for name, size in sizes.items())
        raise ShapeError(f"Expected parts of one condition_dim; got {got}. Give all of them the same.")
    return next(iter(sizes.values()), 0)


def _blocks(parts: Mapping[str, Distribution], latent_dim: int) -> dict[str, int]:
    """The blocks of latents by the distributions of some parts: of those that are hierarchies, which must agree.

    Raises:
        ShapeError: they do not.
    """
    found = {name: p.blocks for name, p in parts.items() if isinstance(p, Hierarchy)}
    if any(blocks != next(iter(found.values())) for blocks in found.values()):
        got = " and ".join(f"{blocks} from {name}" for name, blocks in found.items())
        raise ShapeError(
            f"Expected a prior and a posterior with the same blocks of latents; got {got}. Set blocks of both to "
            "the same."
        )
    return next(iter(found.values()), {"z": latent_dim})


def _expect(name: str, what: str, distribution: Distribution, batch: Shape, event: str, rank: int | None) -> Shape:
    """The event shape of what a part returns.

    Raises:
        ShapeError: it is no distribution, or another one.
    """
    if not hasattr(distribution, "event_shape"):
        raise ShapeError(f"{name}: expected {what}, a tfd.Distribution; got {distribution!r}.")
    if distribution.dtype in (tf.bfloat16, tf.float16):
        raise ShapeError(
            f"{name}: expected {what} in float32; got {distribution.dtype.name}, in which log-probabilities "
            "lose whole nats. Cast what it is made from: tf.cast(outputs, tf.float32)."
        )
    found_batch, found_event = tuple(distribution.batch_shape), tuple(distribution.event_shape)
    if found_batch != batch or (rank is not None and len(found_event) != rank):
        raise ShapeError(
            f"{name}: expected {what} with batch {list(batch)} and event {event}; got batch "
            f"{list(found_batch)} and event {list(found_event)}. Wrap it in "
            "tfd.Independent(..., reinterpreted_batch_ndims=...) to make batch dimensions event dimensions."
        )
    return found_event

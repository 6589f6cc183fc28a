"""VAE: an encoder, a decoder and a prior, and what follows from these three alone."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any, NoReturn, Self

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core.component import Component
from probvae.core.contracts import Decoder, Distribution, Encoder, Objective, Prior, Shape
from probvae.core.copying import NotSerialized
from probvae.core.draws import mean_of, sample_and_log_prob
from probvae.core.examples import as_examples, as_numbers, asserted, check_examples, is_array, plain_assertions
from probvae.core.seeds import Seed, Stream, Tensor, as_seed, fold_in
from probvae.core.step import FINAL_STEP, batch_means, gradient_step
from probvae.core.traces import free_traces
from probvae.core.values import REAL, Values
from probvae.core.variables import named_variables
from probvae.errors import ConfigError, ShapeError, UserError

tfd = tfp.distributions


class VAE(NotSerialized, keras.Model):
    """A variational autoencoder (Kingma and Welling, Auto-encoding variational Bayes, 2014).

    p(x, z) = p(z) p(x|z), with q(z|x) as the approximate posterior. It knows no loss: an objective is given to
    the trainer, or to `compile` for use with `fit`.

    Args:
        encoder: q(z|x).
        decoder: p(x|z).
        prior: p(z).

    Attributes:
        latent_dim: D.
        event_shape: E.

    Raises:
        ShapeError: the three do not fit together; they are run once, on two examples of zeros, so that every
            variable exists from here on.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, prior: Prior) -> None:
        free_traces()  # those of earlier models
        super().__init__()
        parts = (("encoder", encoder, Encoder), ("decoder", decoder, Decoder), ("prior", prior, Prior))
        for name, part, contract in parts:
            if not isinstance(part, contract):
                raise UserError(
                    f"VAE: expected {name}=..., a probvae.{contract.__name__}; got {part!r}. "
                    "Derive its class from that one, and mind the order: encoder, decoder, prior."
                )
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior
        self.latent_dim, self.event_shape = _fit_together(encoder, decoder, prior)
        if encoder.support not in prior.support:
            raise ShapeError(
                f"The posterior of {type(encoder).__name__} lives on {encoder.support}, the prior "
                f"{type(prior).__name__} on {prior.support}: a KL between the two has no meaning. Use a posterior "
                "and a prior of one support."
            )
        for layer in list(self._flatten_layers()):
            if isinstance(layer, Component):
                layer.adopt_again()
        self._objective: Any = None  # an Objective, once compiled
        self.built = True

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A model of copies of the three parts, not compiled.

        Raises:
            UserError: a part holds variables in a function, which is not copied.
        """
        parts = [copy.deepcopy(part, memo) for part in (self.encoder, self.decoder, self.prior)]
        with tf.GradientTape() as tape:
            copied = type(self)(*parts)  # runs all parts once
        used = {id(variable) for variable in tape.watched_variables()}
        if shared := [name for name, variable in named_variables(self).items() if id(variable.value) in used]:
            raise UserError(
                f"{type(self).__name__} cannot be copied: a copy would share {', '.join(shared)}, which a "
                "function (a closure or a bound method) holds. Keep it in an attribute of the component instead, "
                "or build the model again and copy the weights with set_weights."
            )
        return copied

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print the three parts, what each returns, and their numbers of parameters.

        Args:
            print_fn: prints a line.
        """
        event = ", ".join(map(str, self.event_shape))
        returns = {"encoder": f"q(z|x): [B], [{self.latent_dim}]", "decoder": f"p(x|z): [...], [{event}]",
                   "prior": f"p(z): [], [{self.latent_dim}]"}  # fmt: skip
        rows = [["part", "class", "returns batch, event", "parameters", "trainable"]]
        for name, what in returns.items():
            part = getattr(self, name)
            rows.append([name, type(part).__name__, what, *_counts(part)])
        rows.append(["total", "", "", *_counts(self)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [f"{cell:<{width}}" for cell, width in zip(row[:3], widths[:3], strict=True)]
            cells += [f"{cell:>{width}}" for cell, width in zip(row[3:], widths[3:], strict=True)]
            print_fn("  ".join(cells).rstrip())

    def posterior(self, x: Tensor) -> Distribution:
        """q(z|x) of x [B, *E], of any real dtype: [B], [D].

        Raises:
            ShapeError: x has another shape.
            UserError: an element of x is not finite.
        """
        x = as_examples(x, self.event_shape)
        return self.encoder.posterior(x)

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Log p(x, z) of x [B, *E] and z [..., B, D]: [..., B], in nats.

        Raises:
            ShapeError: x has another shape.
            UserError: an element of x is not finite, or outside of the support of the likelihood.
        """
        x = as_examples(x, self.event_shape, self.decoder.support)
        likelihood = self.decoder.likelihood(z)  # [..., B], [*E]
        return likelihood.log_prob(x) + self.prior.distribution().log_prob(z)

    def log_weights(self, x: Tensor, samples: int, seed: Seed) -> Tensor:
        """The log importance weights log p(x, z) - log q(z|x) at z ~ q(z|x), in nats.

        Their mean is the evidence lower bound; the log of the mean of their exponentials is the
        importance-weighted one (Burda, Grosse, Salakhutdinov, Importance weighted autoencoders, 2016).

        Args:
            x: [B, *E].
            samples: S.
            seed: an int, or a stateless seed of shape [2].

        Returns:
            [S, B].

        Raises:
            ShapeError: x has another shape.
            UserError: an element of x is not finite, or outside of the support of the likelihood.
        """
        _check_count(samples)
        z, log_q = sample_and_log_prob(self.posterior(x), samples, seed)  # [S, B, D], [S, B]
        return self.log_joint(x, z) - log_q

    def sample(self, samples: int, seed: Seed = 0, mean: bool = False) -> Tensor:
        """Draws x ~ p(x|z) at z ~ p(z), or the mean of p(x|z) there: [S, *E]. The same seed, the same draws.

        Raises:
            UserError: the mean is asked for, and p(x|z) has none.
        """
        _check_count(samples)
        z = self.prior.distribution().sample(samples, seed=fold_in(seed, 0))  # [S, D]
        likelihood = self.decoder.likelihood(z)  # [S], [*E]
        if not mean:
            return likelihood.sample(seed=fold_in(seed, 1))
        if (means := mean_of(likelihood)) is None:
            name = type(self.decoder).__name__
            raise UserError(f"sample: expected p(x|z) with a mean; that of {name} has none. Leave out mean=True.")
        return means

    def reconstruct(self, x: Tensor, seed: Seed = 0) -> Tensor:
        """The mean of p(x|z) at one z ~ q(z|x), or a draw where it has none: [B, *E]. One seed, one result."""
        z = self.posterior(x).sample(seed=as_seed(seed))  # [B, D]
        likelihood = self.decoder.likelihood(z)  # [B], [*E]
        means = mean_of(likelihood)
        return likelihood.sample(seed=fold_in(seed, 1)) if means is None else means

    # What follows makes `fit` and `evaluate` of Keras work, by the same step as the trainer's.

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        objective: Objective | None = None,
        seed: int = 0,
        jit_compile: bool = False,
        **options: Any,
    ) -> None:
        """Choose the optimizer and the objective for `fit`.

        Args:
            optimizer: as in Keras.
            objective: what to minimise, as `probvae.ELBO()`.
            seed: what the latent noise is a function of, beside the step.
            jit_compile: compile the step with XLA; on CPUs this makes convolutions slower.
            options: further options of `keras.Model.compile`, such as `run_eagerly`.

        Raises:
            UserError: no objective is given, or it is not for such a model; or an option has no effect here.
        """
        if not isinstance(objective, Objective):
            raise UserError(
                f"compile: expected objective=..., a probvae.Objective; got {objective!r}. "
                "`probvae list objective` names those that are installed."
            )
        check_objective(self, objective)
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if options.get(name):
                raise UserError(f"compile: expected no {name}: what is minimised and reported is the objective's.")
        as_seed(seed)
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **options)
        self._objective = objective
        self._seed = seed
        self._means = {name: keras.metrics.Mean(name=name, dtype="float64") for name in ("loss", *objective.terms)}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running means of the loss and its terms, reset by Keras at each epoch."""
        return list(self._means.values()) if self._objective else []

    def fit(self, x: Any = None, *arguments: Any, **options: Any) -> Any:
        """Train on x [B, *E] or batches of it, as in Keras.

        An array is checked before the first step. Batches of a dataset are checked as they come, which XLA
        (`jit_compile=True`) leaves out.

        Raises:
            ShapeError: x has another shape.
            UserError: an element of x is not finite, or outside of the support of the likelihood.
        """
        return self._with_checks(super().fit, self.decoder.support, x, *arguments, **options)

    def evaluate(self, x: Any = None, *arguments: Any, **options: Any) -> Any:
        """The mean loss and its terms on x [B, *E] or batches of it, as in Keras; checks x as `fit` does."""
        return self._with_checks(super().evaluate, self.decoder.support, x, *arguments, **options)

    def predict(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """Reconstructions of x [B, *E] or batches of it, with a fixed seed; any finite values will do."""
        return self._with_checks(super().predict, REAL, x, *arguments, **options)

    def train_on_batch(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """One step on a batch x [B, *E], as in Keras; checks x as `fit` does."""
        return self._with_checks(super().train_on_batch, self.decoder.support, x, *arguments, **options)

    def test_on_batch(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """The mean loss of a batch x [B, *E] and its terms, as in Keras; checks x as `fit` does."""
        return self._with_checks(super().test_on_batch, self.decoder.support, x, *arguments, **options)

    def _with_checks(self, method: Callable[..., Any], support: Values, *arguments: Any, **options: Any) -> Any:
        """What a method of Keras returns, after a check of the arrays among its arguments."""
        given = inspect.signature(method).bind(*arguments, **options)
        weights = [name for name in ("sample_weight", "class_weight") if given.arguments.get(name) is not None]
        if weights:
            raise UserError(f"{weights[0]}: expected none, as every example weighs the same here. Leave it out.")
        given.arguments["x"] = self._checked(given.arguments["x"], support)
        validation = given.arguments.get("validation_data")
        if isinstance(validation, tuple):
            given.arguments["validation_data"] = self._checked(validation[0], support), *validation[1:]
        elif validation is not None:
            given.arguments["validation_data"] = self._checked(validation, support)
        with plain_assertions(self.event_shape):
            return method(*given.args, **given.kwargs)

    def _checked(self, x: Any, support: Values) -> Any:
        """An array or a tensor of examples; batches as they are."""
        if not is_array(x):
            return x
        x = as_numbers(x)
        check_examples(x, self.event_shape, support)
        if not len(x):
            raise UserError("x: expected at least one example; got none.")
        return x

    def save(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refuse, as `get_config` does, before a file is made."""
        self.get_config()

    def export(self, filepath: str | Path, *arguments: Any, **options: Any) -> None:
        """Write a SavedModel of the reconstruction, as in Keras."""
        options.setdefault("input_signature", [keras.InputSpec("float32", (None, *self.event_shape))])
        super().export(filepath, *arguments, **options)

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One step on a batch: x, or a tuple that begins with it."""
        x = self._inputs(data)
        step = tf.convert_to_tensor(self.optimizer.iterations.value)
        seed = fold_in(self._seed, Stream.LATENT, step)
        means = gradient_step(self, self._objective, self.optimizer, x, seed, step)
        return self._track(means, tf.shape(x)[0])

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """The objective of a batch, its schedules at their end."""
        x = self._inputs(data)
        step = tf.constant(FINAL_STEP, tf.int32)
        seen = self._means["loss"].count  # how many examples came before: another seed for each batch
        seed = fold_in(self._seed, Stream.VALIDATION, seen.value)
        means = batch_means(self._objective(self, x, seed, step))
        return self._track(means, tf.shape(x)[0])

    def _inputs(self, data: Any) -> Tensor:
        x, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        if weight is not None:
            raise UserError("sample_weight: expected none, as every example weighs the same here. Leave it out.")
        return asserted(as_examples(x, self.event_shape), self.decoder.support)

    def _track(self, means: dict[str, Tensor], count: Tensor) -> dict[str, Tensor]:
        for name, value in means.items():
            self._means[name].update_state(value, sample_weight=tf.cast(count, tf.float32))
        return {name: metric.result() for name, metric in self._means.items()}

    def call(self, x: Tensor) -> Tensor:
        """The reconstruction of x [B, *E] with a fixed seed, for `predict`."""
        return self.reconstruct(x, seed=0)


def _check_count(samples: Any) -> None:
    """Check a number of samples, where it is known (not a tensor)."""
    if not tf.is_tensor(samples) and not (isinstance(samples, Integral) and 1 <= int(samples) < 2**31):
        raise UserError(f"samples: expected an integer from 1 to 2,147,483,647; got {samples!r}.")


def _counts(layer: keras.layers.Layer) -> list[str]:
    """How many numbers a layer's variables hold, and how many of them are trained."""
    return [
        f"{sum(math.prod(variable.shape) for variable in variables):,}"
        for variables in (layer.variables, layer.trainable_variables)
    ]


def check_objective(vae: VAE, objective: Objective) -> None:
    """Check that an objective is for such a model.

    Raises:
        ConfigError: it needs a diagonal posterior, and the model has another.
    """
    if objective.posterior == "any":
        return
    q = vae.posterior(tf.zeros((1, *vae.event_shape)))  # [1], [D]
    if not isinstance(q, (tfd.MultivariateNormalDiag, tfd.Independent)):
        raise ConfigError(
            f"{type(objective).__name__}: expected a diagonal posterior, which is a product over the latents; got "
            f"{type(q).__name__} from {type(vae.encoder).__name__}. Use posterior 'diagonal_normal', or another "
            "objective."
        )


def _fit_together(encoder: Encoder, decoder: Decoder, prior: Prior) -> tuple[int, Shape]:
    """Run the three once on two examples, and return D and E."""
    prior_name, decoder_name, encoder_name = (type(part).__name__ for part in (prior, decoder, encoder))

    def expect(
        name: str, what: str, distribution: Distribution, batch: Shape, event: str, rank: int | None
    ) -> Shape:
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

    p_z = prior.distribution()
    (latent_dim,) = expect(prior_name, "p(z)", p_z, (), "[D]", 1)
    z = tf.stop_gradient(p_z.sample(2, seed=as_seed(0)))  # [2, D]
    event_shape = expect(decoder_name, "p(x|z) for z [2, D]", decoder.likelihood(z), (2,), "[*E]", None)
    q = encoder.posterior(tf.zeros((2, *event_shape)))
    (found,) = expect(encoder_name, f"q(z|x) for x {[2, *event_shape]}", q, (2,), "[D]", 1)
    if found != latent_dim:
        raise ShapeError(
            f"The prior {prior_name} has {latent_dim} latents and the posterior of {encoder_name} has {found}. "
            "Give both the same latent_dim."
        )
    return latent_dim, event_shape

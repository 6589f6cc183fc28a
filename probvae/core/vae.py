"""VAE: an encoder, a decoder and a prior, and what can be computed from these alone."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Integral
from typing import Self

import keras
import tensorflow as tf

from probvae.core.blocks import blocks, joined
from probvae.core.checked import Checked
from probvae.core.component import Component
from probvae.core.draws import mean_of, sample_and_log_prob
from probvae.core.examples import as_examples
from probvae.core.keras_model import KerasModel
from probvae.core.parts import Decoder, Encoder, Prior
from probvae.core.seeds import as_seed, fold_in
from probvae.core.traces import free_traces
from probvae.core.types import Distribution, Seed, Shape, Tensor
from probvae.core.values import Values
from probvae.core.variables import named_variables
from probvae.errors import ShapeError, UserError


class VAE(Checked, KerasModel):
    """A variational autoencoder (Kingma and Welling, Auto-encoding variational Bayes, 2014).

    p(x, z) = p(z) p(x|z), with q(z|x) as the approximate posterior. The loss is an objective, which the trainer
    takes, or `compile` for use with `fit`.

    Args:
        encoder: q(z|x).
        decoder: p(x|z).
        prior: p(z).

    Attributes:
        latent_dim: D.
        event_shape: E.

    Raises:
        ConfigError: a part is of another kind.
        ShapeError: the shapes of the three do not match. They are called once, on two examples of zeros, which
            also creates all variables.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, prior: Prior) -> None:
        free_traces()  # those of earlier models
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior
        self.latent_dim, self.event_shape = _fit_together(encoder, decoder, prior)
        if encoder.support not in prior.support:
            raise ShapeError(
                f"Expected a posterior and a prior of one support, as there is no KL otherwise; got "
                f"{type(encoder).__name__} on {encoder.support} and {type(prior).__name__} on {prior.support}. "
                "Replace one of them."
            )
        for layer in list(self._flatten_layers()):
            if isinstance(layer, Component):
                layer.adopt_again()
        self.built = True

    @property
    def support(self) -> Values:
        """The values that an example can take: those that have probability under the decoder."""
        return self.decoder.support

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A model of copies of the three parts, not compiled.

        Raises:
            UserError: a part keeps variables in a function, which is not copied.
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

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
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
        return self._log_joint(as_examples(x, self.event_shape, self.decoder.support), z)

    def _log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """`log_joint` of examples that are checked already."""
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
        x = as_examples(x, self.event_shape, self.decoder.support)
        z, log_q = sample_and_log_prob(self.encoder.posterior(x), samples, seed)  # [S, B, D], [S, B]
        size = math.prod(self.event_shape)
        log_joint = [self._log_joint_in_blocks(x, z[few], size) for few in blocks(z, size)]
        return joined(log_joint) - log_q

    def _log_joint_in_blocks(self, x: Tensor, z: Tensor, size: int) -> Tensor:
        """`_log_joint` of x [B, *E] and z [S, B, D] for some of the B at a time: [S, B]."""
        rows = blocks(x, size * (z.shape[0] or 1))
        return joined([self._log_joint(x[block], z[:, block]) for block in rows], axis=1)

    def sample(self, samples: int, seed: Seed = 0, mean: bool = False) -> Tensor:
        """Samples x ~ p(x|z) at z ~ p(z), or the mean of p(x|z) there: [S, *E]. A function of the seed.

        Raises:
            UserError: mean=True, and p(x|z) has no mean.
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
        """The mean of p(x|z) at one z ~ q(z|x), or a sample if it has no mean: [B, *E]. A function of the seed."""
        z = self.posterior(x).sample(seed=as_seed(seed))  # [B, D]
        likelihood = self.decoder.likelihood(z)  # [B], [*E]
        means = mean_of(likelihood)
        return likelihood.sample(seed=fold_in(seed, 1)) if means is None else means

    def call(self, x: Tensor) -> Tensor:
        """The reconstruction of x [B, *E] with a fixed seed, for `predict`."""
        return self.reconstruct(x, seed=0)


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


def _fit_together(encoder: Encoder, decoder: Decoder, prior: Prior) -> tuple[int, Shape]:
    """Call the three once on two examples; returns D and E."""
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
            f"Expected a prior and a posterior of one latent_dim; got {latent_dim} from {prior_name} and {found} "
            f"from {encoder_name}. Give both the same."
        )
    return latent_dim, event_shape

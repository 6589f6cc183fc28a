"""Objectives: what is minimised, as a function of a model and a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core.checked import Checked
from probvae.core.losses import Losses
from probvae.core.parameters import Promises
from probvae.core.types import Array, Seed, Tensor
from probvae.core.vae import VAE
from probvae.errors import ConfigError

tfd = tfp.distributions


class Exact(Protocol):
    """What is known exactly of a model and a batch where both are simple enough, in nats per example: [B] each."""

    @property
    def negative_log_likelihood(self) -> Array:
        """-E_q[log p(x|z)]."""

    @property
    def kl(self) -> Array:
        """KL(q(z|x) || p(z))."""

    @property
    def negative_elbo(self) -> Array:
        """The negative evidence lower bound, the sum of these two."""

    @property
    def negative_log_evidence(self) -> Array:
        """-log p(x)."""

    def importance_weighted(self, samples: int) -> Array:
        """The negative importance-weighted bound, on average: with one sample the negative ELBO."""


class Objective(Checked, ABC):
    """What is minimised, as a pure function of (vae, x, seed, step).

    Attributes:
        terms: the names of the terms that a call returns.
        bound: what it claims to be once its schedules have ended: "upper", its expectation is at least
            -log p(x); "tight", it also equals that where q(z|x) is the exact posterior; None, neither. If rows are
            coupled, this is said of the mean over a batch.
        couples_rows: whether the loss of an example depends on the other ones of its batch. A call then takes one
            more argument, `weights` [B] = None: how much each row counts, as in `whole_batch_mean`, with which it
            takes every mean over the batch. Rows of weight 0 only fill the batch up.
        posterior: what it needs of q(z|x): "diagonal", a product over the latents, or "any". Another model is
            refused.
        promises: what it promises to the contract kit.

    Raises:
        ConfigError: an argument is not what its annotation says.
    """

    kind: ClassVar[str] = "objective"
    terms: ClassVar[tuple[str, ...]]
    bound: Literal["upper", "tight"] | None = None
    couples_rows: bool = False
    posterior: ClassVar[Literal["any", "diagonal"]] = "any"
    promises: ClassVar[Promises] = Promises()

    @abstractmethod
    def __call__(self, vae: VAE, x: Tensor, seed: Seed, step: Tensor) -> Losses:
        """The loss of examples x [B, *E] at a training step: [B] and its terms, each [B]."""

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """What the loss, under "loss", and terms, under their names, are on average: its definition, as formulas.

        The contract kit compares a call with them on a model where everything is exact. What has no formula is
        left out, or given in the cases that have one: a limit, or settings with which this is another objective.

        Args:
            exact: what the formulas are made of.
            step: the training step, for schedules.
        """
        return {}

    def check(self, vae: VAE) -> None:
        """Check that the objective is for such a model.

        Raises:
            ConfigError: it needs a diagonal posterior, and the model has another.
        """
        if self.posterior == "any":
            return
        q = vae.posterior(tf.zeros((1, *vae.event_shape)))  # [1], [D]
        if not isinstance(q, (tfd.MultivariateNormalDiag, tfd.Independent)):
            raise ConfigError(
                f"{type(self).__name__}: expected a diagonal posterior, which is a product over the latents; got "
                f"{type(q).__name__} from {type(vae.encoder).__name__}. Use posterior 'diagonal_normal', or "
                "another objective."
            )

    def describe(self, vae: VAE) -> dict[str, str]:
        """The choices in force for this model that its parameters leave open, to be printed and logged."""
        return {}


def losses_of(
    objective: Objective, vae: VAE, x: Tensor, seed: Seed, step: Tensor, weights: Tensor | None = None
) -> Losses:
    """An objective's losses on x [B, *E]; if it couples rows, it gets their weights [B]."""
    more = {"weights": weights} if objective.couples_rows else {}
    return objective(vae, x, seed, step, **more)

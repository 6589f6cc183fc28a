"""Objectives: what is minimised, as a function of a model and a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Protocol

import tensorflow_probability as tfp

from probvae.core.batch import Batch
from probvae.core.checked import Checked
from probvae.core.distributions import factors
from probvae.core.losses import Losses
from probvae.core.parameters import Promises
from probvae.core.types import Array, Seed, Tensor
from probvae.core.vae import VAE
from probvae.core.variables import trainable_names
from probvae.errors import ConfigError

tfd = tfp.distributions


class Exact(Protocol):
    """Exact quantities of a simple model and a batch, in nats per example: [B] each.

    Where a model has a classifier, they are those given the label, or where it is missing, averaged over q(y|x);
    negative_log_evidence includes -log p(y), with classes that are equally probable.
    """

    @property
    def labels(self) -> Array:
        """The labels, -1 where missing."""

    @property
    def class_probabilities(self) -> Array:
        """q(y|x), for objectives of models with a classifier: [B, K]."""

    def given(self, label: int) -> Exact:
        """The same of x given a class y, for objectives of models with a classifier."""

    @property
    def negative_log_likelihood(self) -> Array:
        """-E_q[log p(x|z)]."""

    @property
    def kl(self) -> Array:
        """KL(q(z|x) || p(z))."""

    @property
    def kl_by_latent(self) -> Array:
        """Its share of each latent, where both are products over these: [B, D]."""

    @property
    def negative_elbo(self) -> Array:
        """The negative evidence lower bound, the sum of these two."""

    @property
    def negative_log_evidence(self) -> Array:
        """-log p(x)."""

    def importance_weighted(self, samples: int) -> Array:
        """The expected negative importance-weighted bound: with one sample the negative ELBO."""


class Objective(Checked, ABC):
    """What is minimised, as a pure function of (vae, batch, seed, step).

    It takes densities from the model's methods (`log_weights`, `posterior`, `log_likelihood`, `prior_given`), with
    the condition, the observed elements and the rows of the batch. So it is right for data with and without them,
    and for priors that leave training examples out.

    Attributes:
        terms: the names of the terms that a call returns, all of them.
        bound: once its schedules have ended, "upper": its expectation is at least -log p(x); "tight": it also
            equals that where q(z|x) is the exact posterior; None: neither. If rows are coupled, this holds for the
            mean over a batch. For an example with a label, it is one on -log p(x, y).
        classifier: whether it trains the classifier of a model, and takes examples whose label is missing; it can
            then be used with models that have one, and otherwise with those that have none.
        couples_rows: whether the loss of an example depends on the others of its batch. It then takes every mean
            over the batch with the batch's weights, as `whole_batch_mean` does. Rows of weight 0 are padding.
        less_variance: whether the gradients in `targets` vary less than those that they estimate, where q(z|x) is
            nearly the exact posterior.
        warmup_steps: the number of steps in which its schedules change what it minimises. Early stopping begins to
            count where they end.
        posterior: the q(z|x) that it needs: "diagonal", a product over the latents; "independent", the samples for
            an example being independent; or "any".
        promises: what it promises to the contract kit.

    Raises:
        ConfigError: an argument is not what its annotation says.
    """

    kind: ClassVar[str] = "objective"
    terms: tuple[str, ...] = ()
    bound: Literal["upper", "tight"] | None = None
    couples_rows: bool = False
    classifier: ClassVar[bool] = False
    less_variance: ClassVar[bool] = False
    warmup_steps: float = 0.0
    posterior: Literal["any", "independent", "diagonal"] = "any"
    promises: ClassVar[Promises] = Promises()

    @abstractmethod
    def __call__(self, vae: VAE, batch: Batch, seed: Seed, step: Tensor) -> Losses:
        """The loss of a batch at a training step: [B] and its terms, each [B]."""

    def expected(self, exact: Exact, step: int) -> Mapping[str, Array | float]:
        """What the loss, under "loss", and terms, under their names, are on average: its definition, as formulas.

        The contract kit compares calls with them, on a model where all of these are known exactly. Leave out what
        has no formula, or give it in the cases that have one: a limit, or settings that make this another
        objective.

        Args:
            exact: the quantities that the formulas use.
            step: the training step, for schedules.
        """
        return {}

    @classmethod
    def limits(cls) -> Sequence[tuple[Objective, Objective]]:
        """Pairs: this objective with settings that make it another one, and that one, with equal losses."""
        return ()

    def targets(self) -> Mapping[str, Objective]:
        """Parts of the model, "encoder", "decoder" or "prior", whose gradient is not that of the loss as written.

        For each of them: the objective of whose expected loss its variables get the gradient. That is the same
        objective with another estimator of its gradient, or another one where a part minimises a loss of its own.
        """
        return {}

    def check(self, vae: VAE) -> None:
        """Check that the objective can be used with a model.

        Raises:
            ConfigError: it needs a classifier or another posterior, and the model has none, or it would leave
                the classifier untrained.
        """
        name = type(self).__name__
        if self.classifier and vae.classifier is None:
            raise ConfigError(
                f"{name}: expected a model with a classifier, which says what the class is where a label is "
                "missing; got one without. Write a table [model.classifier], or give VAE(...) a classifier."
            )
        if vae.classifier is not None and not self.classifier:
            raise ConfigError(
                f"{name}: expected a model without a classifier, which this objective does not train; got "
                f"{type(vae.classifier).__name__}. Use the objective 'semi_supervised', or leave it out."
            )
        if self.posterior == "any":
            return
        zeros = vae.zeros(1)
        q = vae.posterior(zeros.x, zeros.condition)  # [1], [D]
        if self.posterior == "independent":
            if getattr(q, "stratified", False):
                raise ConfigError(
                    f"{name}: expected a posterior with independent samples, as its gradient is biased otherwise; "
                    f"got {type(q).__name__} from {type(vae.encoder).__name__}, which spreads them over its "
                    "components. Use the objective 'iwae', or another posterior."
                )
            return
        if factors(q) is None and not isinstance(q, tfd.MultivariateNormalDiag):
            raise ConfigError(
                f"{name}: expected a diagonal posterior, which is a product over the latents; got "
                f"{type(q).__name__} from {type(vae.encoder).__name__}. Use posterior 'diagonal_normal', or "
                "another objective."
            )

    def untrained(self, labelled: bool) -> Mapping[str, str]:
        """The parts of a model that the loss does not depend on, each with the reason, in a phrase.

        Args:
            labelled: whether all training examples are known to have labels.
        """
        return {}

    def check_training(self, vae: VAE, labelled: bool = False) -> None:
        """Check, before a training, that the objective trains all variables of a model that are trainable.

        Args:
            vae: the model.
            labelled: whether all training examples are known to have labels.

        Raises:
            ConfigError: the loss does not depend on a part that has some.
        """
        for part, reason in self.untrained(labelled).items():
            found = [name for name in trainable_names(vae) if name.startswith(f"{part}/")]
            if found:
                raise ConfigError(
                    f"{type(self).__name__}: expected a model whose {part} is not trained, as {reason}; got the "
                    f"trainable variables {', '.join(found)}. Freeze it: vae.{part}.trainable = False, or in a "
                    f"spec [train] freeze = ['{part}']. Or use another objective."
                )

    def describe(self, vae: VAE) -> dict[str, str]:
        """The choices for this model that its parameters leave open, by name; they are printed and logged."""
        return {}

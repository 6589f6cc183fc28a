"""The contracts: what each kind of component is asked, and what it answers.

Shapes are written with the same letters everywhere: S samples, B batch, D latent size, *E the event (data)
shape, K mixture components. A distribution's shape is written [batch], [event]. Log-probabilities are in nats,
per example, summed over the event. A component answers with a distribution built afresh in each call: one that
is stored at construction would hold copies of the variables, go stale and receive no gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

from probvae.core.arguments import check_arguments
from probvae.core.component import Component
from probvae.core.data import Array, Data, DataInfo
from probvae.core.parameters import Promises
from probvae.core.seeds import Seed, Tensor
from probvae.core.values import REAL, Support, Values

if TYPE_CHECKING:
    from probvae.core.vae import VAE

Distribution: TypeAlias = Any  # tfd.Distribution; TFP carries no types
Shape: TypeAlias = tuple[int, ...]


class Encoder(Component, ABC):
    """The variational posterior, amortised over the data.

    Attributes:
        support: where its latents live; it must lie in the prior's.
    """

    kind: ClassVar[str] = "encoder"
    support: Support = REAL

    @abstractmethod
    def posterior(self, x: Tensor) -> Distribution:
        """q(z|x) of examples x [B, *E]: [B], [D]."""


class Decoder(Component, ABC):
    """The generative half: latents in, a distribution over data out.

    Attributes:
        support: the values that have probability; data is held against it before training.
    """

    kind: ClassVar[str] = "decoder"
    support: Values = REAL

    @abstractmethod
    def likelihood(self, z: Tensor) -> Distribution:
        """p(x|z) of latents z [..., D], with any leading shape: [...], [*E]."""


class Prior(Component, ABC):
    """The distribution of the latents before any data is seen.

    Attributes:
        support: where it has density: `REAL`, another box of `Values`, `SPHERE`, `SIMPLEX`.
    """

    kind: ClassVar[str] = "prior"
    support: Support = REAL

    @abstractmethod
    def distribution(self) -> Distribution:
        """p(z): [], [D]."""


class PosteriorHead(Component, ABC):
    """Turns an encoder network's outputs into q(z|x). A head knows distributions only, a network tensors only.

    Attributes:
        output_shape: O, what the head asks the network for, per example.
        support: where its latents live; it must lie in the prior's.
    """

    kind: ClassVar[str] = "posterior"
    output_shape: Shape
    support: Support = REAL

    @abstractmethod
    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from a network's outputs [B, *O]: [B], [D]."""


class LikelihoodHead(Component, ABC):
    """Turns a decoder network's outputs into p(x|z).

    Attributes:
        output_shape: O, what the head asks the network for, per latent; as long as E, so that convolutional
            networks can serve it, and with a multiple of E's channels in the last place.
        support: the values that have probability under the head; data is held against it before training.
    """

    kind: ClassVar[str] = "likelihood"
    output_shape: Shape
    support: ClassVar[Values] = REAL

    @abstractmethod
    def likelihood(self, outputs: Tensor) -> Distribution:
        """p(x|z) from a network's outputs [..., *O]: [...], [*E]."""


class Losses(NamedTuple):
    """What an objective returns, in nats per example.

    Args:
        per_example: [B], what is minimised; the trainer takes the mean.
        terms: the named parts of it, each [B].
    """

    per_example: Tensor
    terms: dict[str, Tensor]


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


class Objective(ABC):
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
        contract: what it says of itself to the contract kit.

    Raises:
        ConfigError: an argument is not what its annotation says.
    """

    kind: ClassVar[str] = "objective"
    terms: ClassVar[tuple[str, ...]]
    bound: Literal["upper", "tight"] | None = None
    couples_rows: bool = False
    posterior: ClassVar[Literal["any", "diagonal"]] = "any"
    promises: ClassVar[Promises] = Promises()

    def __new__(cls, *arguments: Any, **keywords: Any) -> Objective:
        """Refuse what a spec would refuse, before anything is made."""
        check_arguments(cls, arguments, keywords)
        return super().__new__(cls)

    @abstractmethod
    def __call__(self, vae: VAE, x: Tensor, seed: Seed, step: Tensor) -> Losses:
        """The loss of examples x [B, *E] at a training step: [B] and its terms, each [B]."""

    def expected(self, exact: Exact, step: int) -> Mapping[str, Any]:
        """What the loss, under "loss", and terms, under their names, are on average: its definition, as formulas.

        The contract kit compares a call with them on a model where everything is exact. What has no formula is
        left out, or given in the cases that have one: a limit, or settings with which this is another objective.

        Args:
            exact: what the formulas are made of.
            step: the training step, for schedules.
        """
        return {}

    def describe(self, vae: VAE) -> dict[str, str]:
        """The choices in force for this model that its parameters leave open, to be printed and logged."""
        return {}


class Dataset(ABC):
    """A source of examples."""

    kind: ClassVar[str] = "dataset"

    @abstractmethod
    def info(self) -> DataInfo:
        """What the data is, without fetching it.

        Raises:
            UserError: what the user pointed at is not there or not what it should be.
        """

    @abstractmethod
    def load(self) -> Data:
        """The three splits, fetched first where they are not at hand.

        Raises:
            DataError: the data could not be fetched, or is not what it should be.
        """


class Metric(ABC):
    """Named numbers about a trained model, each with its standard error where it is an estimate."""

    kind: ClassVar[str] = "metric"

    @abstractmethod
    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, tuple[float, float | None]]:
        """The numbers: name -> (value, standard error or None)."""


CONTRACTS: dict[str, type[Any]] = {
    contract.kind: contract
    for contract in (Encoder, Decoder, Prior, PosteriorHead, LikelihoodHead, Objective, Dataset)
}
"""Kind -> the class that its components derive from."""

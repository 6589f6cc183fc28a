"""The parts of a model: what each kind of component returns.

A component returns a distribution that it builds afresh in each call. One that is built in `__init__` holds copies
of the variables: it goes stale and receives no gradient. The letters of shapes are those of `core/types.py`.

An encoder, a decoder or a prior whose `__init__` asks for `condition_dim`, C, takes a condition: its method then
gets one more argument, `condition` [..., C]. A prior whose `distribution` has a parameter `rows` gets the numbers
of the examples in the training data.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from probvae.core.component import Component
from probvae.core.signature import Signature
from probvae.core.types import Distribution, LabelDistribution, Shape, Tensor
from probvae.core.values import REAL, DataValues, Support


class Part(Component, ABC):
    """An encoder, a decoder or a prior, which may take a condition.

    Attributes:
        condition_dim: C, as given to `__init__`; 0 if it takes no condition, and its method is called without one.
    """

    condition_dim: int = 0

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Keep `condition_dim`, if `__init__` asks for it."""
        part = super().__new__(cls, *args, **kwargs)
        given = Signature.read(cls).given(args, kwargs).get("condition_dim")
        object.__setattr__(part, "condition_dim", given or 0)
        return part


class Encoder(Part):
    """The variational posterior, amortised over the data.

    Attributes:
        support: the space of its latents; the prior's must contain it.
    """

    kind: ClassVar[str] = "encoder"
    support: Support = REAL

    @abstractmethod
    def posterior(self, x: Tensor, *condition: Any, **named: Any) -> Distribution:
        """q(z|x) of examples x [B, *E]: [B], [D]; or q(z|x, c) with a condition [B, C]."""


class Decoder(Part):
    """The generative half: latents in, a distribution over data out.

    Attributes:
        support: the values that have probability; data is checked against it before training.
    """

    kind: ClassVar[str] = "decoder"
    support: DataValues = REAL

    @abstractmethod
    def likelihood(self, z: Tensor, *condition: Any, **named: Any) -> Distribution:
        """p(x|z) of latents z [..., D], with any leading shape: [...], [*E]; or p(x|z, c) with a condition.

        The condition is [..., C], and broadcasts over leading axes of z: z is [S, B, D] with a condition [B, C].
        """


class Prior(Part):
    """The distribution of the latents before any data is seen.

    Attributes:
        support: the space of its density: `REAL`, another box of `Values`, `SPHERE`, `SIMPLEX`.
        takes_rows: whether `distribution` has a parameter `rows`.
    """

    kind: ClassVar[str] = "prior"
    support: Support = REAL
    takes_rows: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "takes_rows" not in vars(cls):
            cls.takes_rows = "rows" in inspect.signature(cls.distribution).parameters

    def given(self, condition: Tensor, rows: Tensor = None) -> Distribution:
        """`distribution` with those of the condition [B, C] and the rows [B] that it takes."""
        named = {"rows": rows} if self.takes_rows else {}
        return self.distribution(*([condition] if self.condition_dim else ()), **named)

    @abstractmethod
    def distribution(self, *condition: Any, **named: Any) -> Distribution:
        """p(z): [], [D]; or p(z|c) with a condition [B, C]: [B], [D].

        A prior that was made from the training examples may have a parameter `rows`: in training it gets the
        numbers [B] of the examples of a batch, and returns for each of them a p(z) that does not depend on it,
        [B], [D]. Rows are -1, or None for all, where the examples are no training examples.
        """


class Classifier(Component, ABC):
    """The variational posterior of the class of an example, which is a latent where its label is missing.

    The classes are those of the model's condition: 0 to K - 1.
    """

    kind: ClassVar[str] = "classifier"

    @abstractmethod
    def labels(self, x: Tensor) -> LabelDistribution:
        """q(y|x) of examples x [B, *E], a `tfd.Categorical` over the K classes: [B], []."""


class PosteriorHead(Component, ABC):
    """Turns an encoder network's outputs into q(z|x). A head knows distributions only, a network tensors only.

    Attributes:
        output_shape: O, the shape of the network's outputs per example.
        support: the space of its latents; the prior's must contain it.
    """

    kind: ClassVar[str] = "posterior"
    output_shape: Shape
    support: Support = REAL

    @abstractmethod
    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from a network's outputs [..., *O]: [...], [D]; of [S, B, *O] where it is a lower block's."""


class LikelihoodHead(Component, ABC):
    """Turns a decoder network's outputs into p(x|z).

    One whose `__init__` asks for `library_column` takes the total of an example's counts, where the data gives it.
    Its method then gets one more argument, the logarithms of the totals, which broadcast to the leading axes.

    Attributes:
        output_shape: O, the shape of the network's outputs per latent. It has the rank of E, for convolutional
            networks, and its last axis is a multiple of E's channels.
        support: the values that have probability; data is checked against it before training.
        library_column: the place of the logarithm of the total in the condition, as given to `__init__`; None if
            it takes none.
    """

    kind: ClassVar[str] = "likelihood"
    output_shape: Shape
    support: DataValues = REAL
    library_column: int | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Keep `library_column`, if `__init__` asks for it."""
        head = super().__new__(cls, *args, **kwargs)
        given = Signature.read(cls).given(args, kwargs).get("library_column")
        object.__setattr__(head, "library_column", given)
        return head

    @abstractmethod
    def likelihood(self, outputs: Tensor, *log_size: Any, **named: Any) -> Distribution:
        """p(x|z) from a network's outputs [..., *O]: [...], [*E]."""

"""A prior in two blocks of latents or more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import tensorflow as tf

from probvae.components.hierarchies import UpperBlocks, check_blocks, two_blocks
from probvae.core import Context, Distribution, Hierarchy, Positive, Prior, Promises, Tensor, Use
from probvae.errors import ConfigError

NAME = "hierarchical prior"


class HierarchicalPrior(Prior):
    """Any prior on top, and a prior of the lower block given the upper one, batch [] and event [D].

    p(z) = p(z2) p(z1|z2), with z = (z2, z1) (Tomczak and Welling, VAE with a VampPrior, 2018)

    A VampPrior on top is the mixture of the posteriors q(z2|u) of the upper block. For three blocks the top is
    hierarchical itself: p(z3) p(z2|z3) p(z1|z2, z3).

    Args:
        latent_dim: D, the size of one latent.
        top: p(z2), any prior.
        lower: p(z1|z2), a prior that takes a condition; by default a network and a posterior head.
        blocks: the sizes of z2 and of z1, which add up to D; by default half of D each.
        condition_dim: C, the size of a condition, which the top may take; None if the data has none.

    Raises:
        ConfigError: the sizes do not add up to D, or a part is of another size or support.
    """

    promises: ClassVar[Promises] = Promises(tags=("hierarchy",), cases=({"top": {"use": "conditional"}},))
    takes_rows: bool = False  # unless its top does

    def __init__(
        self,
        latent_dim: Positive,
        top: Annotated[Prior, Use("standard_normal")],
        lower: Annotated[Prior, Use("conditional")],
        blocks: tuple[Positive, Positive] | None = None,
        condition_dim: Positive | None = None,
    ) -> None:
        super().__init__()
        above, self.below_dim = two_blocks(NAME, latent_dim, blocks)
        if lower.condition_dim != above:
            found = f"one of {lower.condition_dim}" if lower.condition_dim else "a prior that takes none"
            raise ConfigError(
                f"{NAME}: expected a lower prior with a condition of {above} numbers, the block above; got "
                f"{found}. Use the prior 'conditional'.",
                parameter="lower",
            )
        self.top = top
        self.lower = lower
        self.condition_dim = top.condition_dim
        self.takes_rows = top.takes_rows
        self.support = top.support
        condition = [tf.zeros((1, top.condition_dim))] if top.condition_dim else []
        parts = {
            "top": (top.distribution(*condition), top.support),
            "lower": (lower.distribution(tf.zeros((1, above))), lower.support),
        }
        check_blocks(NAME, (above, self.below_dim), parts)

    @staticmethod
    def inner_context(name: str, settings: Mapping[str, Any], context: Context) -> Context:
        """The sizes of the parts, the encoder of the upper block for the top, and z2 as the condition of z1."""
        above, below = two_blocks(NAME, context["latent_dim"](), settings.get("blocks"))
        if name == "lower":
            return {**context, "latent_dim": lambda: below, "condition_dim": lambda: above}
        inner = {**context, "latent_dim": lambda: above}
        if "encoder" in context:
            inner["encoder"] = lambda: UpperBlocks(context["encoder"](), context["event_shape"](), above)
        return inner

    def distribution(self, condition: Tensor = None, rows: Tensor = None) -> Distribution:
        """p(z): [], [D]; or p(z|c) of conditions [B, C], or of rows [B], if the top takes them: [B], [D]."""
        top = self.top.given(condition, rows)
        return Hierarchy(top, self.lower.distribution, self.below_dim)

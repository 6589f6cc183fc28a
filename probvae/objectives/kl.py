"""The Kullback-Leibler divergence from the posterior to the prior, exact where TFP registers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import tensorflow as tf

from probvae.core import VAE, Distribution, Tensor, block_log_probs, exact_kl, of_each_latent
from probvae.errors import ConfigError

Per: TypeAlias = Literal["all", "latent", "block"]
"""What a divergence is of: all latents together, each latent, or each block of latents given those above it."""


def chosen_kl(kl: str, q: Distribution, p: Distribution) -> Tensor | None:
    """KL(q || p) in closed form, [B] in nats, or None where it has to be estimated.

    Args:
        kl: "exact", "monte_carlo", or "auto": exact where TFP registers it.
        q: the posterior, [B], [D].
        p: the prior, [] or [B], [D].

    Raises:
        ConfigError: kl = "exact", and TFP registers no closed form for this pair.
    """
    closed_form = None if kl == "monte_carlo" else exact_kl(q, p)
    if closed_form is None and kl == "exact":
        raise ConfigError(
            f"elbo objective: kl = 'exact', but TensorFlow Probability registers no KL between a posterior "
            f"{type(q).__name__} and a prior {type(p).__name__}. Set kl = 'monte_carlo' or 'auto'.",
            parameter="kl",
        )
    return closed_form


def latent_by_latent(q: Distribution, p: Distribution) -> tuple[Distribution, Distribution]:
    """A posterior and a prior as distributions of each latent: [B, D], [], and [D], [] or [B, D], [].

    Raises:
        ConfigError: one of them is no product over the latents.
    """
    of_each = []
    for name, use, distribution in (("posterior", "diagonal_normal", q), ("prior", "standard_normal", p)):
        each = of_each_latent(distribution)
        if each is None:
            raise _no_share(f"a {name} that is a product over the latents", distribution, f"the {name} '{use}'")
        of_each.append(each)
    return of_each[0], of_each[1]


def kl_by_block(q: Distribution, p: Distribution, z: Tensor, blocks: Mapping[str, int]) -> Tensor:
    """The KL of each of G blocks of latents given those above it, estimated at z ~ q [S, B, D]: [B, G], in nats.

    Args:
        q: the posterior, [B], [D].
        p: the prior, [] or [B], [D].
        z: [S, B, D].
        blocks: the sizes of the blocks by name, as `VAE.blocks`.

    Raises:
        ConfigError: one of them is neither a hierarchy nor a product over the latents.
    """

    def of_blocks(distribution: Distribution) -> Tensor:
        log_probs = block_log_probs(distribution, z, blocks)  # [S, B, G]
        if log_probs is None:
            expected = "a posterior and a prior of which each is a hierarchy or a product over the latents"
            raise _no_share(expected, distribution, "the prior and the posterior 'hierarchical'")
        return log_probs

    return tf.reduce_mean(of_blocks(q) - of_blocks(p), axis=0)


def _no_share(expected: str, got: Distribution, use: str) -> ConfigError:
    return ConfigError(
        f"elbo objective: expected {expected}, as free_bits_per is not 'all'; got {type(got).__name__}. Use {use} "
        "or free_bits_per = 'all'.",
        parameter="free_bits_per",
    )


def resolve_kl(kl: str, vae: VAE, per: Per = "all") -> str:
    """What `kl` means for this model: "exact" or "monte_carlo".

    Raises:
        ConfigError: as `chosen_kl`, or the KL is not known per latent or block.
    """
    zeros = vae.zeros(1)
    q, p = vae.posterior(zeros.x, zeros.condition), vae.prior_given(zeros.condition)
    if per == "block":
        if len(vae.blocks) < 2 or kl == "exact":
            got = "kl = 'exact', which is not known of blocks" if kl == "exact" else "one block of all latents"
            raise ConfigError(
                f"elbo objective: expected a hierarchy of latents, whose KL is estimated, as free_bits_per = "
                f"'block'; got {got}. Set free_bits_per = 'all', or change that.",
                parameter="free_bits_per",
            )
        kl_by_block(q, p, tf.zeros((1, 1, vae.latent_dim)), vae.blocks)
        return "monte_carlo"
    if per == "latent":
        q, p = latent_by_latent(q, p)
    return "monte_carlo" if chosen_kl(kl, q, p) is None else "exact"

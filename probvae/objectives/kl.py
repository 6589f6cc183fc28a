"""The Kullback-Leibler divergence from the posterior to the prior, exact where TFP registers it."""

from __future__ import annotations

import tensorflow_probability as tfp

from probvae.core import VAE, Distribution, Tensor, factors
from probvae.errors import ConfigError

tfd = tfp.distributions


def exact_kl(q: Distribution, p: Distribution) -> Tensor | None:
    """KL(q || p) of q [B], [D] and p [] or [B], [D]: [B], in nats; None where TFP registers no closed form."""
    try:
        return tfd.kl_divergence(q, p)
    except NotImplementedError:
        return None


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


def of_each_latent(distribution: Distribution) -> Distribution | None:
    """A distribution of latents as those of each: [batch, D], []; None where it is no product over them."""
    if isinstance(distribution, tfd.MultivariateNormalDiag):
        return tfd.Normal(distribution.mean(), distribution.stddev())
    return factors(distribution)


def latent_by_latent(q: Distribution, p: Distribution) -> tuple[Distribution, Distribution]:
    """A posterior and a prior as distributions of each latent: [B, D], [], and [D], [] or [B, D], [].

    Raises:
        ConfigError: one of them is no product over the latents.
    """
    of_each = []
    for name, use, distribution in (("posterior", "diagonal_normal", q), ("prior", "standard_normal", p)):
        each = of_each_latent(distribution)
        if each is None:
            raise ConfigError(
                f"elbo objective: expected a {name} that is a product over the latents, as free_bits_per = "
                f"'latent'; got {type(distribution).__name__}. Use the {name} '{use}', or free_bits_per = 'all'.",
                parameter="free_bits_per",
            )
        of_each.append(each)
    return of_each[0], of_each[1]


def resolve_kl(kl: str, vae: VAE, by_latent: bool = False) -> str:
    """What `kl` means for this model, or for each of its latents: "exact" or "monte_carlo".

    Raises:
        ConfigError: as `chosen_kl`, or as `latent_by_latent`.
    """
    zeros = vae.zeros(1)
    q, p = vae.posterior(zeros.x, zeros.condition), vae.prior_given(zeros.condition)
    if by_latent:
        q, p = latent_by_latent(q, p)
    return "monte_carlo" if chosen_kl(kl, q, p) is None else "exact"

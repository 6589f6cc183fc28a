"""The Kullback-Leibler divergence from the posterior to the prior, exact where TFP registers it."""

from __future__ import annotations

import tensorflow_probability as tfp

from probvae.core import VAE, Distribution, Tensor
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


def resolve_kl(kl: str, vae: VAE) -> str:
    """What `kl` means for this model: "exact" or "monte_carlo".

    Raises:
        ConfigError: as `chosen_kl`.
    """
    zeros = vae.zeros(1)
    q, p = vae.posterior(zeros.x, zeros.condition), vae.prior_given(zeros.condition)
    return "monte_carlo" if chosen_kl(kl, q, p) is None else "exact"

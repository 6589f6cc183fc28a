"""The Kullback-Leibler divergence from the posterior to the prior, exact where TFP registers it."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import VAE, Distribution, Tensor
from probvae.errors import ConfigError

tfd = tfp.distributions


def exact_kl(q: Distribution, p: Distribution) -> Tensor | None:
    """KL(q || p) of q [B], [D] and p [], [D]: [B], in nats; None where TFP registers no closed form."""
    try:
        return tfd.kl_divergence(q, p)
    except NotImplementedError:
        return None


def resolve_kl(kl: str, vae: VAE) -> str:
    """What `kl` means for this model: "exact" or "monte_carlo".

    Raises:
        ConfigError: the exact divergence is asked for, and TFP registers none for this pair.
    """
    if kl == "monte_carlo":
        return kl
    q = vae.posterior(tf.zeros((1, *vae.event_shape)))
    p = vae.prior.distribution()
    if exact_kl(q, p) is not None:
        return "exact"
    if kl == "exact":
        raise ConfigError(
            f"elbo objective: kl = 'exact', but TensorFlow Probability registers no KL between a posterior "
            f"{type(q).__name__} and a prior {type(p).__name__}. Set kl = 'monte_carlo' or 'auto'.",
            parameter="kl",
        )
    return "monte_carlo"

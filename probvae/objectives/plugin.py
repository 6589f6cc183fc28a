"""The built-in objectives, registered through the same hook as everyone else's."""

from __future__ import annotations

from probvae.registry import ComponentSpec, hookimpl

BUILT_IN = [
    ComponentSpec("objective", "elbo", "probvae.objectives.elbo:ELBO"),
    ComponentSpec("objective", "iwae", "probvae.objectives.iwae:IWAE"),
    ComponentSpec("objective", "stl", "probvae.objectives.stl:STL"),
    ComponentSpec("objective", "dreg", "probvae.objectives.dreg:DReG"),
    ComponentSpec("objective", "miwae", "probvae.objectives.miwae:MIWAE"),
    ComponentSpec("objective", "ciwae", "probvae.objectives.ciwae:CIWAE"),
    ComponentSpec("objective", "piwae", "probvae.objectives.piwae:PIWAE"),
    ComponentSpec("objective", "renyi", "probvae.objectives.renyi:Renyi"),
    ComponentSpec("objective", "beta_tc", "probvae.objectives.beta_tc:BetaTC"),
    ComponentSpec("objective", "info_vae", "probvae.objectives.info_vae:InfoVAE"),
    ComponentSpec("objective", "rate", "probvae.objectives.rate:Rate"),
    ComponentSpec("objective", "semi_supervised", "probvae.objectives.semi_supervised:SemiSupervised"),
]


@hookimpl
def probvae_components() -> list[ComponentSpec]:
    """The objectives of this package."""
    return BUILT_IN

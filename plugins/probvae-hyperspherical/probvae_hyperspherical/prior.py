"""Priors on the unit sphere."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from probvae import SPHERE, Distribution, Prior, Promises

from probvae_hyperspherical.distributions import SphericalUniform


class UniformOnSphere(Prior):
    """The uniform distribution on the unit sphere S^(D-1) in R^D, batch [] and event [D]; nothing is learned.

    p(z) = Γ(D/2) / (2 π^(D/2)) with respect to surface area, for |z| = 1

    Args:
        latent_dim: D, the size of one latent; the sphere has one dimension less.
    """

    support = SPHERE
    promises = Promises(tags=("xla",))

    def __init__(self, latent_dim: Annotated[int, Ge(2)]) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def distribution(self) -> Distribution:
        """p(z): [], [D]."""
        return SphericalUniform(self.latent_dim)

"""The built-in objectives, registered through the same hook as everyone else's."""

from __future__ import annotations

from collections.abc import Iterator

from probvae.registry import ComponentSpec, hookimpl


@hookimpl
def probvae_components() -> Iterator[ComponentSpec]:
    """Every built-in objective."""
    yield ComponentSpec("objective", "elbo", "probvae.objectives.elbo:ELBO")
    yield ComponentSpec("objective", "iwae", "probvae.objectives.iwae:IWAE")

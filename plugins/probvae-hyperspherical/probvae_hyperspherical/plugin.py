"""What this package gives to probvae. Every command imports this file, so it imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator

from probvae import ComponentSpec, hookimpl


@hookimpl
def probvae_components() -> Iterator[ComponentSpec]:
    """The posterior and the prior, in a spec `hyperspherical.von_mises_fisher` and `hyperspherical.uniform`."""
    package = "probvae_hyperspherical"
    yield ComponentSpec("posterior", "von_mises_fisher", f"{package}.posterior:VonMisesFisherPosterior")
    yield ComponentSpec("prior", "uniform", f"{package}.prior:UniformOnSphere")

"""The built-in datasets, registered through the same hook as everyone else's."""

from __future__ import annotations

from probvae.registry import ComponentSpec, hookimpl

BUILT_IN = [
    ComponentSpec("dataset", "fashion_mini", "probvae.data.datasets.mini:FashionMini"),
    ComponentSpec("dataset", "fashion_mnist", "probvae.data.datasets.mnist:FashionMnist"),
    ComponentSpec("dataset", "mnist", "probvae.data.datasets.mnist:Mnist"),
    ComponentSpec("dataset", "kmnist", "probvae.data.datasets.mnist:Kmnist"),
    ComponentSpec("dataset", "arrays", "probvae.data.datasets.arrays:Arrays"),
    ComponentSpec("dataset", "images", "probvae.data.datasets.images:ImageFolder"),
    ComponentSpec("dataset", "table", "probvae.data.datasets.tables:TableFile"),
    ComponentSpec("dataset", "anndata", "probvae.data.datasets.anndata:AnnDataFile"),
    ComponentSpec("dataset", "given", "probvae.data.datasets.given:Given"),
]


@hookimpl
def probvae_components() -> list[ComponentSpec]:
    """The datasets of this package."""
    return BUILT_IN

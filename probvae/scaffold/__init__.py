"""Plugin packages to begin from: what one is called, and its files. Nothing here imports TensorFlow."""

from probvae.scaffold.names import PluginNames
from probvae.scaffold.package import render, write

__all__ = ["PluginNames", "render", "write"]

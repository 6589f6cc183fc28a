"""Templates of plugin packages: their names and files. Nothing here imports TensorFlow."""

from probvae.scaffold.names import PluginNames
from probvae.scaffold.package import render, write

__all__ = ["PluginNames", "render", "write"]

"""Templates of plugin packages: their names and files. Nothing here imports TensorFlow."""

from probvae.scaffold.example import PLACES, Example
from probvae.scaffold.names import PluginNames
from probvae.scaffold.package import render, write

__all__ = ["PLACES", "Example", "PluginNames", "render", "write"]

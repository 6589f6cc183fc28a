"""Names to components, by way of plugins. Nothing here imports TensorFlow."""

from probvae.registry.component_spec import KINDS, ComponentSpec
from probvae.registry.hookspecs import RunView, hookimpl
from probvae.registry.plugins import PluginInfo
from probvae.registry.registry import DISABLE, Registry, default, register

__all__ = [
    "KINDS",
    "ComponentSpec",
    "hookimpl",
    "register",
    "Registry",
    "default",
    "PluginInfo",
    "RunView",
    "DISABLE",
]

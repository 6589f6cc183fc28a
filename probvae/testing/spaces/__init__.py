"""Supports of densities: how to integrate over them, and how to propose points all over them.

Everything here is float64 NumPy and depends on samples of the distribution only, so that an error in a component's
density cannot cancel against the same error here.
"""

from __future__ import annotations

from math import prod

from probvae.core import OF_KIND, SIMPLEX, SPHERE, GroupedValues, LogSimplex, Shape, Support, Values
from probvae.testing.spaces.box import Box
from probvae.testing.spaces.lattice import Lattice, OneHot
from probvae.testing.spaces.product import Product
from probvae.testing.spaces.simplex import LogRatios, Simplex
from probvae.testing.spaces.space import Space
from probvae.testing.spaces.sphere import Sphere

__all__ = ["Lattice", "Product", "Space", "space_of"]


def space_of(support: Support, event: Shape) -> Space:
    """The space of a support, for events of a shape; its points are flat."""
    dimensions = prod(event)
    if support == SPHERE:
        return Sphere(dimensions)
    if support == SIMPLEX:
        return Simplex(dimensions)
    if isinstance(support, GroupedValues):
        parts = [space_of(OF_KIND[kind], (size,)) for kind, size in support.groups]
        return Product(parts, [size for _, size in support.groups])
    if isinstance(support, LogSimplex):
        return LogRatios(support.categories, dimensions)
    if not isinstance(support, Values):
        raise NotImplementedError(f"the kit cannot integrate over {support}")
    if support.one_hot:
        return OneHot(event)
    return Lattice(support, dimensions) if support.integer else Box(support, dimensions)

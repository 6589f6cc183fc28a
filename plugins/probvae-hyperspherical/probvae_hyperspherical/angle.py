"""The angle between a sample of a von Mises-Fisher distribution and its mode: all that has to be computed."""

from __future__ import annotations

from math import lgamma, log, pi, sqrt
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from probvae import Tensor

CELLS = 64
NODES = 4
NEWTON_STEPS = 4
"""With these, quantiles are exact to 1e-8; with one of Newton's steps less, to 1e-6."""
TAIL = 1e-12
"""Levels closer than this to 0 or 1 are taken as if they were this close: two samples in 1e12 are moved."""


class Place(NamedTuple):
    """Where an angle is.

    Args:
        versine: 1 - cos θ.
        sine: sin θ.
        log_density: of θ, with respect to ψ and not normalised.
    """

    versine: Tensor
    sine: Tensor
    log_density: Tensor


class Angle:
    """The angle θ between z ~ vMF(μ, κ) on S^(D-1) and μ.

    p(θ) = exp(-κ (1 - cos θ)) sin^(D-2) θ / mass(κ) on (0, π)

    Normaliser, moments, quantiles: all are integrals over this density, which are taken over ψ with

    tan θ/2 = r tan ψ/2,  r² = (D - 1) / (2κ + sqrt(4κ² + (D - 1)²))

    the map behind the sampler of Wood (Simulation of the von Mises Fisher distribution, 1994). Over ψ the density
    lies around π/2 with a spread of about 1 / sqrt(D - 1) whatever κ is, so that one fixed Gauss-Legendre rule
    serves every κ from 0 to 1e6, to 12 digits. There is no Bessel function in it: TFP's are exact in float32, but
    their combinations are not, by 2e-4 nats for D = 100 and κ = 0.01, by 0.2 % in the slope for κ = 1e4. With
    1 - cos θ in place of cos θ nothing cancels. The numbers are float64, a few hundred for each κ.

    A change of r moves the nodes and no integral, so r is a constant when derivatives are taken; then those to κ
    are of a sum of exponentials, and exact for that sum.

    Args:
        concentration: κ [*B], of any float type.
        dimension: D, at least 2.
    """

    def __init__(self, concentration: Tensor, dimension: int) -> None:
        self.dimension = dimension
        self.concentration = tf.cast(concentration, tf.float64)
        self._kappa = self.concentration[..., None, None]  # [*B, 1, 1]
        kappa, n = tf.stop_gradient(self._kappa), dimension - 1.0
        self._r = tf.sqrt(n / (2 * kappa + tf.sqrt(4 * tf.square(kappa) + n**2)))
        half = min(pi / 2, 8 / sqrt(n))  # eight spreads, which is less than all of (0, π) from D = 27 on
        self._edges = np.linspace(pi / 2 - half, pi / 2 + half, CELLS + 1)
        self._width = 2 * half / CELLS
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        self._nodes, self._weights = (nodes + 1) / 2, weights / 2  # on (0, 1)
        psi = self._edges[:-1, None] + self._width * self._nodes
        grid = self._at(psi, self._kappa)  # [*B, CELLS, NODES]
        log_parts = grid.log_density + np.log(self._width * self._weights)
        self.log_mass = tf.reduce_logsumexp(log_parts, axis=[-2, -1])  # [*B]
        self._shares = tf.exp(log_parts - self.log_mass[..., None, None])  # they sum to 1
        self.mean_versine = tf.reduce_sum(self._shares * grid.versine, axis=[-2, -1])  # [*B]: E[1 - cos θ]
        away = grid.versine - self.mean_versine[..., None, None]
        self.variance = tf.reduce_sum(self._shares * tf.square(away), axis=[-2, -1])  # [*B]: Var[cos θ]

    def quantiles(self, levels: Tensor) -> Place:
        """The angles [N, *B] up to which these shares [N, *B] of the density lie, differentiable in κ.

        They are found by Newton's method within a cell. One more step, with a constant slope, is what derivatives
        are taken of: it changes no value, and its derivative is that of the quantile, dθ/dκ = -dF(θ)/dκ / p(θ)
        (Figurnov, Mohamed, Mnih, Implicit reparameterization gradients, 2018).
        """
        levels = tf.einsum("n...->...n", tf.clip_by_value(levels, TAIL, 1 - TAIL))  # [*B, N]
        masses = tf.reduce_sum(self._shares, axis=-1)  # [*B, CELLS]
        below = tf.cumsum(masses, axis=-1, exclusive=True)
        cell = tf.searchsorted(below[..., 1:], levels, side="right")  # [*B, N]
        batch_dims = masses.shape.rank - 1
        wanted = levels - tf.gather(below, cell, batch_dims=batch_dims)
        start = tf.gather(self._edges, cell)

        def filled(y: Tensor, kappa: Tensor, log_mass: Tensor) -> tuple[Tensor, Tensor]:
            """The mass of the cell's first part, a share y of its width, and its derivative to y: [*B, N]."""
            psi = start[..., None] + self._width * y[..., None] * np.append(self._nodes, 1.0)
            log_density = self._at(psi, kappa).log_density - log_mass[..., None, None]
            slopes = self._width * tf.exp(log_density)  # [*B, N, NODES + 1]
            return y * tf.reduce_sum(self._weights * slopes[..., :-1], axis=-1), slopes[..., -1]

        # All of the search is constant to the derivatives, so that a tape keeps none of it.
        constants = [tf.stop_gradient(part) for part in (self._kappa, self.log_mass)]
        aim = tf.stop_gradient(wanted)
        share = aim / tf.stop_gradient(tf.gather(masses, cell, batch_dims=batch_dims))
        root = 1 / (self.dimension - 1)  # at 0 and π the density ends in a power of the distance
        y = tf.where(cell == 0, share**root, tf.where(cell == CELLS - 1, 1 - (1 - share) ** root, share))
        low, high = tf.zeros_like(y), tf.ones_like(y)
        for _ in range(NEWTON_STEPS):
            mass, slope = filled(y, *constants)
            low, high = tf.where(mass < aim, y, low), tf.where(mass < aim, high, y)
            step = y - (mass - aim) / slope
            y = tf.where((low <= step) & (step <= high), step, (low + high) / 2)
        mass, slope = filled(y, self._kappa, self.log_mass)
        y -= (mass - wanted) / tf.stop_gradient(slope)
        place = self._at((start + self._width * y)[..., None], self._kappa)
        return Place(*(tf.einsum("...n->n...", part[..., 0]) for part in place))

    def _at(self, psi: Tensor, kappa: Tensor) -> Place:
        """The angles θ of ψ [..., M, N]: [*B, M, N]."""
        sine, cosine = tf.sin(psi / 2), tf.cos(psi / 2)
        slope = self._r / (tf.square(cosine) + tf.square(self._r * sine))  # dθ/dψ
        versine = 2 * self._r * tf.square(sine) * slope
        sine_of_theta = 2 * sine * cosine * slope
        log_volume = (self.dimension - 2) * tf.math.log(sine_of_theta) + tf.math.log(slope)
        return Place(versine, sine_of_theta, log_volume - kappa * versine)


def log_area(dimension: int) -> float:
    """The log of the surface of the unit sphere in R^D, D at least 1: log 2 π^(D/2) / Γ(D/2).

    >>> abs(log_area(1) - log(2)) < 1e-12, abs(log_area(2) - log(2 * pi)) < 1e-12
    (True, True)
    """
    return log(2) + dimension / 2 * log(pi) - lgamma(dimension / 2)
